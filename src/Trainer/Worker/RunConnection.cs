using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Worker;

/// <summary>How a process reaches the coordinator of a run from another machine.</summary>
/// <param name="Coordinator">HOST:PORT of one coordinator process; the others are learned from it.</param>
public sealed record RemoteOptions(string Coordinator, string Token)
{
    /// <summary>PEM certificate of the authority to trust; the connection is encrypted when it is given.</summary>
    public string? Authority { get; init; }

    /// <summary>PEM certificate of this process, which the coordinator asks for when it has one itself.</summary>
    public string? Certificate { get; init; }

    public string? Key { get; init; }
}

/// <summary>A connection to the cluster that hosts a run.</summary>
public sealed class RunConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConnectedClient _client;

    private RunConnection(ConnectedClient client, string runId, string token) => (_client, RunId, Token) = (client, runId, token);

    public string RunId { get; }

    public string Token { get; }

    public IRunGrain Run => _client.Grains.GetGrain<IRunGrain>(RunId);

    /// <summary>To a run whose directory this machine has.</summary>
    /// <exception cref="CoordinatorLostException">Nobody hosts it.</exception>
    public static async Task<RunConnection> ToLocalAsync(RunFiles files)
    {
        var options = RunConfig.Load(files.Config, []).Options;
        var token = AccessToken.Read(files.Token) ?? throw new UsageException($"{files.Directory} is not running: it has no token file. Start it with `cliptrain resume {files.Directory}`.");
        var client = await ClusterClient.ConnectAsync(RunCluster.Of(files, options), ClusterSecurity.ByToken(token), Patience, TimeProvider.System);
        return new RunConnection(client, options.Name, token);
    }

    /// <summary>To the run of a coordinator.</summary>
    /// <exception cref="CoordinatorRefusedException">The token or a certificate is not the coordinator's.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public static async Task<RunConnection> ToRemoteAsync(RemoteOptions remote)
    {
        var security = ClusterSecurity.FromFiles(remote.Token, remote.Certificate, remote.Key, remote.Authority);
        var client = await ClusterClient.ConnectAsync(remote.Coordinator, security, Patience, TimeProvider.System);
        return new RunConnection(client, client.Run, remote.Token);
    }

    /// <summary>A worker's or node's side of the control plane.</summary>
    public CoordinatorClient Client(string workerId, TimeSpan patience) => new(_client.Grains, RunId, workerId, TimeProvider.System) { RetryFor = patience };

    /// <exception cref="CoordinatorRefusedException">The run is not running.</exception>
    public async Task RequestCheckpointAsync()
    {
        if ((await Run.CheckpointAsync()).Reply is RunReply.Refused refused)
            throw new CoordinatorRefusedException(refused.Reason);
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
