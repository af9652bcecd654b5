using System.Globalization;
using ClipTrain.Bench.Cluster;

// dotnet run -c Release --project bench/Cluster -- join WORKERS [CONNECTIONS]    workers join one run until all are assigned
// dotnet run -c Release --project bench/Cluster -- beats WORKERS [CONNECTIONS]   what 2 heartbeats a second of each cost the coordinator
// dotnet run -c Release --project bench/Cluster -- client                        what a connection costs a worker's process
// A coordinator process of its own hosts the run, with its state and ledger on disk; the workers are simulated here.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["serve", var directory, var members])
{
    await Server.RunAsync(directory, int.Parse(members));
    return 0;
}

var workers = args.Length > 1 ? int.Parse(args[1]) : 512;
var connections = args.Length > 2 ? int.Parse(args[2]) : Math.Min(workers, 64);
switch (args)
{
    case ["join", ..]:
        await Load.JoinAsync(workers, connections, Console.Out);
        return 0;
    case ["beats", ..]:
        await Load.BeatAsync(workers, connections, Console.Out);
        return 0;
    case ["client", ..]:
        await Load.ConnectAsync(Console.Out);
        return 0;
    default:
        Console.Error.WriteLine("Say join, beats or client; the head of bench/Cluster/Program.cs explains them.");
        return 2;
}
