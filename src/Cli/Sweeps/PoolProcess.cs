using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Where a pool is kept.</summary>
/// <param name="Directory">Folder of its state; created.</param>
public sealed record PoolOptions(string Directory)
{
    /// <summary>Where the processes that host it find each other.</summary>
    public ClusteringKind Clustering { get; init; }

    /// <summary>Connection string for Redis or PostgreSQL, unless the environment has one.</summary>
    public string? ClusteringConnection { get; init; }
}

/// <summary>A process that hosts a pool. Its state is in files, so the pool goes on where it was when a process starts again.</summary>
internal sealed class PoolProcess(PoolOptions pool, HostingOptions hosting, StopSignals signals)
{
    /// <summary>Hosts the pool until a signal. Returns the exit code.</summary>
    /// <exception cref="CoordinatorStartException">The port is unavailable, or a token is missing.</exception>
    /// <exception cref="CoordinatorRefusedException">A process of another build hosts the pool.</exception>
    public async Task<int> RunAsync()
    {
        Directory.CreateDirectory(pool.Directory);
        var tokenFile = Path.Combine(pool.Directory, "token");
        var options = new CoordinatorSiloOptions(
            RunCluster.Of(pool.Directory, pool.Clustering, pool.ClusteringConnection),
            RunCluster.Endpoint($"pool-{Environment.MachineName}-{Environment.ProcessId}", hosting),
            RunCluster.Security(hosting.TokenOr(tokenFile), hosting.Tls),
            IsOneMachine: IPAddress.IsLoopback(hosting.Listen.Address)
        );
        await RefuseOtherBuildAsync(options.Cluster, options.Security);
        await using var log = LogSetup.Create(AnsiConsole.Console, Path.Combine(pool.Directory, "pool.log"));
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await PoolSilo.StartAsync(options, new PoolBuild(ProgramVersion.Text), loggers, TimeProvider.System);
        var address = $"--coordinator {silo.Endpoint.Gateway} --token-file {hosting.TokenFile ?? tokenFile}";
        log.Information("Machines join with: cliptrain node {Address:l}", address);
        log.Information("Sweeps run on them with: cliptrain sweep run SWEEP {Address:l}", address);
        log.Information("Suites are evaluated on them with: cliptrain eval MODEL --suite SUITE {Address:l}", address);
        await signals.First;
        log.Information(
            "The pool's process ends. Trials go on; nodes wait for it for {Minutes} minutes.",
            RemoteCluster.LongPatience.TotalMinutes
        );
        return signals.ExitCode;
    }

    /// <summary>Asks the processes that host the pool now, if any, before this one joins them.</summary>
    private async Task RefuseOtherBuildAsync(ClusterIdentity cluster, ClusterSecurity security)
    {
        try
        {
            await using var client = await ClusterClient.ConnectAsync(
                cluster,
                new ClusterClientOptions(security, Patience: TimeSpan.Zero),
                CancellationToken.None
            );
            await RemoteCluster.CheckBuildAsync(pool.Directory, client);
        }
        catch (CoordinatorLostException)
        {
            // Nobody hosts the pool.
        }
    }
}
