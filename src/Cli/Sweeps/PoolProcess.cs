using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A process that hosts a pool. Its state is in files, so the pool goes on where it was when a process starts again.</summary>
/// <param name="directory">Folder of the pool's state; created.</param>
internal sealed class PoolProcess(string directory, HostingOptions hosting, StopSignals signals)
{
    /// <summary>Hosts the pool until a signal. Returns the exit code.</summary>
    /// <exception cref="CoordinatorStartException">The port is unavailable, or a token is missing.</exception>
    public async Task<int> RunAsync()
    {
        Directory.CreateDirectory(directory);
        var tokenFile = Path.Combine(directory, "token");
        var options = new CoordinatorSiloOptions(
            ClusterIdentity.Open(directory),
            RunCluster.Endpoint($"pool-{Environment.MachineName}-{Environment.ProcessId}", hosting),
            RunCluster.Security(hosting.TokenOr(tokenFile), hosting.Tls),
            IsOneMachine: IPAddress.IsLoopback(hosting.Listen.Address)
        );
        await using var log = LogSetup.Create(AnsiConsole.Console, Path.Combine(directory, "pool.log"));
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await PoolSilo.StartAsync(options, new PoolBuild(ProgramVersion.Text), loggers, TimeProvider.System);
        var address = $"--coordinator {silo.Endpoint.Gateway} --token-file {hosting.TokenFile ?? tokenFile}";
        log.Information("Machines join with: cliptrain node {Address:l}", address);
        log.Information("Sweeps run on them with: cliptrain sweep run SWEEP {Address:l}", address);
        log.Information("Suites are evaluated on them with: cliptrain eval MODEL --suite SUITE {Address:l}", address);
        await signals.First;
        log.Information("The pool's process ends. Trials go on; nodes wait for it for {Patience:l}.", "10 minutes");
        return signals.ExitCode;
    }
}
