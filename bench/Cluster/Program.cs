using System.Globalization;
using ClipTrain.Bench.Cluster;

// dotnet run -c Release --project bench/Cluster -- join WORKERS [CONNECTIONS]    workers join one run until all are assigned
// dotnet run -c Release --project bench/Cluster -- beats WORKERS [CONNECTIONS]   the coordinator's cost of 2 heartbeats/s from each
// dotnet run -c Release --project bench/Cluster -- client                        cost of a connection to a worker's process
// A separate coordinator process hosts the run, with state and ledger on disk; the workers are simulated here.
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
        Console.Error.WriteLine("Give join, beats or client; see the top of bench/Cluster/Program.cs.");
        return 2;
}
