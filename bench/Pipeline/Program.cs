using System.Globalization;
using ClipTrain.Bench.Pipeline;

// dotnet run -c Release --project bench/Pipeline -- rates [ROUNDS] | memory [SAMPLES [SIDE ROWS]] | pauses [SECONDS]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var folder = Directory.CreateTempSubdirectory("cliptrain-pipeline-");
try
{
    switch (args)
    {
        case ["rates", .. var rounds]:
            Rates.Print(folder.FullName, rounds is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 7);
            break;
        case ["memory", .. var sizes]:
            var numbers = sizes.Select(size => int.Parse(size, CultureInfo.InvariantCulture)).ToArray();
            LongRun.Print(
                folder.FullName,
                numbers is [var samples, ..] ? samples : 1_000_000,
                side: numbers is [_, var side, _] ? side : 40,
                rows: numbers is [_, _, var rows] ? rows : 50_000
            );
            break;
        case ["pauses", .. var seconds]:
            Pauses.Print(folder.FullName, seconds is [var length] ? double.Parse(length, CultureInfo.InvariantCulture) : 60);
            break;
        default:
            Console.Error.WriteLine(
                "give rates (against the decode stage alone, and two threads against one) memory (over a million samples) or pauses (of "
                    + "garbage collections)"
            );
            return 2;
    }
}
finally
{
    folder.Delete(recursive: true);
}

return 0;
