using System.Globalization;
using ClipTrain.Bench.Pipeline;

// dotnet run -c Release --project bench/Pipeline -- rates [ROUNDS] | memory [SAMPLES]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var folder = Directory.CreateTempSubdirectory("cliptrain-pipeline-");
try
{
    switch (args)
    {
        case ["rates", .. var rounds]:
            Rates.Print(folder.FullName, rounds is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 7);
            break;
        case ["memory", .. var samples]:
            LongRun.Print(folder.FullName, samples is [var number] ? long.Parse(number, CultureInfo.InvariantCulture) : 1_000_000);
            break;
        default:
            Console.Error.WriteLine("give rates (against the decode stage alone, and two threads against one) or memory (over a million samples)");
            return 2;
    }
}
finally
{
    folder.Delete(recursive: true);
}

return 0;
