using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Clustering;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain pool [--listen ADDRESS:PORT] …</c>: hosts a pool of machines that sweeps share.</summary>
public static class PoolCommand
{
    public static Command Create()
    {
        var directory = new Option<string>("--directory")
        {
            Description = "Folder of the pool's state. Processes that share it stand by for each other.",
            DefaultValueFactory = _ => "pool",
        };
        var clustering = new Option<ClusteringKind>("--clustering")
        {
            Description = "Where these processes find each other: file (in the folder), redis or postgres.",
        };
        var connection = new Option<string?>("--clustering-connection")
        {
            Description = $"Connection string for redis or postgres. The variable {RunCluster.ConnectionVariable} keeps a password secret.",
        };
        var hosting = new HostingArguments(isOfRun: false);
        var command = new Command("pool", "Host a pool: machines join it as nodes, and sweeps run their trials on them.")
        {
            directory,
            clustering,
            connection,
        };
        hosting.AddTo(command);
        command.SetAction(async parsed =>
        {
            using var signals = new StopSignals();
            var pool = new PoolOptions(parsed.GetRequiredValue(directory))
            {
                Clustering = parsed.GetValue(clustering),
                ClusteringConnection = parsed.GetValue(connection),
            };
            return await new PoolProcess(pool, hosting.Of(parsed), signals).RunAsync();
        });
        return command;
    }
}
