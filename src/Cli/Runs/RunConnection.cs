using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>A connection to the cluster that hosts a run.</summary>
public sealed class RunConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30),
        ShortPatience = TimeSpan.FromSeconds(5);

    private readonly ConnectedClient _client;

    internal RunConnection(ConnectedClient client, string runId, string token) => (_client, RunId, Token) = (client, runId, token);

    public string RunId { get; }

    public string Token { get; }

    /// <summary>Connects to a run whose directory is on this machine.</summary>
    /// <param name="files">The run's files.</param>
    /// <param name="waits">True for a process of the run, which may start before its coordinator; false for a user's
    /// command.</param>
    /// <exception cref="CoordinatorLostException">No process hosts the run.</exception>
    public static async Task<RunConnection> ToLocalAsync(RunFiles files, bool waits)
    {
        if (!waits && !RunCluster.IsServed(files))
        {
            throw new CoordinatorLostException($"{files.Directory} is not running. `cliptrain resume {files.Directory}` continues it.");
        }

        var options = RunConfig.Load(files.Config, []).Options;
        var token =
            AccessToken.Read(files.Token)
            ?? throw new UsageException(
                $"{files.Directory} has no token: its coordinator was started with --token-file, or it is not running. Give --coordinator "
                    + $"HOST:PORT and --token-file, or continue the run with `cliptrain resume {files.Directory}`."
            );
        return await ConnectAsync(files, options, new ClusterSecurity(token), waits ? Patience : ShortPatience);
    }

    /// <summary>Connects to a run whose directory is on a file system that this machine shares with its coordinator.</summary>
    /// <exception cref="CoordinatorLostException">No process hosts the run.</exception>
    public static Task<RunConnection> ToSharedAsync(RunFiles files, string token, TlsFiles tls) =>
        ConnectAsync(files, RunConfig.Load(files.Config, []).Options, RunCluster.Security(token, tls), Patience);

    /// <summary>Connects to the run of a coordinator.</summary>
    /// <exception cref="CoordinatorRefusedException">The coordinator rejects the token or the certificate, or hosts a pool.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator is unreachable.</exception>
    public static async Task<RunConnection> ToRemoteAsync(RemoteOptions remote, CancellationToken cancellationToken = default)
    {
        var cluster = await RemoteCluster.ConnectAsync(remote, cancellationToken);
        if (cluster.RunId is { } run)
        {
            return new RunConnection(cluster.Client, run, remote.Token);
        }

        await cluster.DisposeAsync();
        throw new CoordinatorRefusedException(
            $"{remote.Coordinator} hosts a pool, not a run. `cliptrain node` offers a machine to it, and `cliptrain sweep run` uses it."
        );
    }

    /// <summary>Creates a worker's or node's client for the control plane.</summary>
    public CoordinatorClient Client(string workerId, TimeSpan patience) =>
        new(_client.Grains, RunId, workerId, TimeProvider.System) { RetryFor = patience };

    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<RunStatus> StatusAsync() => RemoteCluster.AskAsync(Run.StatusAsync);

    /// <summary>Returns the bytes of the run's resolved configuration and of its corpus manifest.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<RunFilesOffer> FilesAsync() => RemoteCluster.AskAsync(Run.FilesAsync);

    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task StopAsync(string by, bool atOnce) => GrainCalls.RepeatAsync(() => Run.StopAsync(by, atOnce), Patience, TimeProvider.System);

    /// <exception cref="CoordinatorRefusedException">The run is not running.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task RequestCheckpointAsync()
    {
        if ((await RemoteCluster.AskAsync(Run.CheckpointAsync)).Reply is RunReply.Refused refused)
        {
            throw new CoordinatorRefusedException(refused.Reason);
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private static async Task<RunConnection> ConnectAsync(RunFiles files, RunOptions options, ClusterSecurity security, TimeSpan patience)
    {
        var client = await ClusterClient.ConnectAsync(
            RunCluster.Of(files, options.Cluster),
            new ClusterClientOptions(security, patience),
            CancellationToken.None
        );
        return new RunConnection(client, options.Name, security.Token);
    }

    private IRunGrain Run => _client.Grains.GetGrain<IRunGrain>(RunId);
}
