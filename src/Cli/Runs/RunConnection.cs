using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>How a process reaches the coordinator of a run from another machine.</summary>
/// <param name="Coordinator">HOST:PORT of a coordinator process, or several separated by commas; the others are learned from it.</param>
/// <param name="Tls">Files of mutual TLS, where the coordinator demands it.</param>
public sealed record RemoteOptions(string Coordinator, string Token, TlsFiles Tls);

/// <summary>A connection to the cluster that hosts a run.</summary>
public sealed class RunConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30),
        ShortPatience = TimeSpan.FromSeconds(5);

    private readonly ConnectedClient _client;

    private RunConnection(ConnectedClient client, string runId, string token) => (_client, RunId, Token) = (client, runId, token);

    public string RunId { get; }

    public string Token { get; }

    /// <summary>To a run whose directory this machine has.</summary>
    /// <param name="files">The run's files.</param>
    /// <param name="waits">True for a process of the run, which may be there before its coordinator is; false for a user's command.</param>
    /// <exception cref="CoordinatorLostException">Nobody hosts it.</exception>
    public static async Task<RunConnection> ToLocalAsync(RunFiles files, bool waits)
    {
        if (!waits && !RunCluster.IsServed(files))
            throw new CoordinatorLostException($"{files.Directory} is not running. `cliptrain resume {files.Directory}` continues it.");

        var options = RunConfig.Load(files.Config, []).Options;
        var token =
            AccessToken.Read(files.Token)
            ?? throw new UsageException(
                $"{files.Directory} is not running: it has no token file. Start it with `cliptrain resume {files.Directory}`."
            );
        var client = await ClusterClient.ConnectAsync(
            RunCluster.Of(files, options.Cluster),
            new ClusterClientOptions(new ClusterSecurity(token), waits ? Patience : ShortPatience),
            CancellationToken.None
        );
        return new RunConnection(client, options.Name, token);
    }

    /// <summary>To the run of a coordinator.</summary>
    /// <exception cref="CoordinatorRefusedException">The token or a certificate is not the coordinator's.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public static async Task<RunConnection> ToRemoteAsync(RemoteOptions remote)
    {
        var security = RunCluster.Security(remote.Token, remote.Tls);
        var client = await ClusterClient.ConnectAsync(
            SeedGateways.Parse(remote.Coordinator),
            new ClusterClientOptions(security, Patience),
            CancellationToken.None
        );
        return new RunConnection(client, await AskAsync(client.Grains.GetGrain<IClusterGrain>(0).RunIdAsync), remote.Token);
    }

    /// <summary>A worker's or node's side of the control plane.</summary>
    public CoordinatorClient Client(string workerId, TimeSpan patience) =>
        new(_client.Grains, RunId, workerId, TimeProvider.System) { RetryFor = patience };

    /// <exception cref="CoordinatorLostException">Nobody answers.</exception>
    public Task<RunStatus> StatusAsync() => AskAsync(Run.StatusAsync);

    /// <summary>The run's resolved configuration and the manifest of its corpus, as their files are.</summary>
    /// <exception cref="CoordinatorLostException">Nobody answers.</exception>
    public Task<RunFilesOffer> FilesAsync() => AskAsync(Run.FilesAsync);

    /// <exception cref="CoordinatorLostException">Nobody answers.</exception>
    public Task StopAsync(string by, bool atOnce) => GrainCalls.RepeatAsync(() => Run.StopAsync(by, atOnce), Patience, TimeProvider.System);

    /// <exception cref="CoordinatorRefusedException">The run is not running.</exception>
    /// <exception cref="CoordinatorLostException">Nobody answers.</exception>
    public async Task RequestCheckpointAsync()
    {
        if ((await AskAsync(Run.CheckpointAsync)).Reply is RunReply.Refused refused)
            throw new CoordinatorRefusedException(refused.Reason);
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private IRunGrain Run => _client.Grains.GetGrain<IRunGrain>(RunId);

    /// <summary>A coordinator that has just died leaves a command waiting until another has taken over.</summary>
    private static Task<T> AskAsync<T>(Func<Task<T>> call) => GrainCalls.RepeatAsync(call, Patience, TimeProvider.System);
}
