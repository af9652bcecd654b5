using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>Address and credentials of a coordinator on another machine.</summary>
/// <param name="Coordinator">HOST:PORT of a coordinator process, or several separated by commas. The client discovers
/// the others.</param>
/// <param name="Tls">Files for mutual TLS, if the coordinator requires it.</param>
public sealed record RemoteOptions(string Coordinator, string Token, TlsFiles Tls)
{
    /// <summary>Maximum time to wait for a coordinator that does not answer yet.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Receives a line when the wait begins, and when its reason changes.</summary>
    public Action<string>? Tell { get; init; }
}

/// <summary>A connection to the cluster that hosts a run.</summary>
public sealed class RunConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30),
        ShortPatience = TimeSpan.FromSeconds(5);

    private readonly ConnectedClient _client;

    private RunConnection(ConnectedClient client, string runId, string token) => (_client, RunId, Token) = (client, runId, token);

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
        var client = await ClusterClient.ConnectAsync(
            RunCluster.Of(files, options.Cluster),
            new ClusterClientOptions(new ClusterSecurity(token), waits ? Patience : ShortPatience),
            CancellationToken.None
        );
        return new RunConnection(client, options.Name, token);
    }

    /// <summary>Connects to the run of a coordinator.</summary>
    /// <exception cref="CoordinatorRefusedException">The coordinator rejects the token or the certificate.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator is unreachable.</exception>
    public static async Task<RunConnection> ToRemoteAsync(RemoteOptions remote, CancellationToken cancellationToken = default)
    {
        var security = RunCluster.Security(remote.Token, remote.Tls);
        var client = await ClusterClient.ConnectAsync(
            SeedGateways.Parse(remote.Coordinator),
            new ClusterClientOptions(security, remote.Patience)
            {
                OnWaiting = reason =>
                    remote.Tell?.Invoke(
                        $"Waiting up to {remote.Patience.TotalSeconds:0} s for a coordinator at {remote.Coordinator}: {reason}"
                    ),
            },
            cancellationToken
        );
        return new RunConnection(client, await AskAsync(client.Grains.GetGrain<IClusterGrain>(0).RunIdAsync), remote.Token);
    }

    /// <summary>Creates a worker's or node's client for the control plane.</summary>
    public CoordinatorClient Client(string workerId, TimeSpan patience) =>
        new(_client.Grains, RunId, workerId, TimeProvider.System) { RetryFor = patience };

    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<RunStatus> StatusAsync() => AskAsync(Run.StatusAsync);

    /// <summary>Returns the bytes of the run's resolved configuration and of its corpus manifest.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<RunFilesOffer> FilesAsync() => AskAsync(Run.FilesAsync);

    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task StopAsync(string by, bool atOnce) => GrainCalls.RepeatAsync(() => Run.StopAsync(by, atOnce), Patience, TimeProvider.System);

    /// <exception cref="CoordinatorRefusedException">The run is not running.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task RequestCheckpointAsync()
    {
        if ((await AskAsync(Run.CheckpointAsync)).Reply is RunReply.Refused refused)
        {
            throw new CoordinatorRefusedException(refused.Reason);
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private IRunGrain Run => _client.Grains.GetGrain<IRunGrain>(RunId);

    /// <summary>Retries while a coordinator that has just died is replaced by another.</summary>
    private static Task<T> AskAsync<T>(Func<Task<T>> call) => GrainCalls.RepeatAsync(call, Patience, TimeProvider.System);
}
