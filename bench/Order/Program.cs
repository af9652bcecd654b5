using System.Globalization;
using ClipTrain.Bench.Order;

// dotnet run -c Release --project bench/Order -- start | mixing | reading
// start MANIFEST: one side of `start`, in its own process so that its peak memory is its own.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["start"]:
        RandomStart.Compare();
        break;
    case ["start", var manifest]:
        RandomStart.Measure(manifest);
        break;
    case ["mixing"]:
        Mixing.Print();
        break;
    case ["reading"]:
        Reading.Print();
        break;
    default:
        Console.Error.WriteLine(
            "give start (a random step of 100 million rows), mixing (how well windows shuffle) or reading (what each worker reads)"
        );
        return 2;
}

return 0;
