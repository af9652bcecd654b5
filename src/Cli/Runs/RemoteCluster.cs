using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

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

/// <summary>A connection to a cluster that is known by an address.</summary>
/// <param name="Client">The connection.</param>
/// <param name="RunId">Name of the run that the cluster hosts; null if it hosts a pool.</param>
public sealed record RemoteCluster(ConnectedClient Client, string? RunId) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Time for which nodes, and commands that watch what a pool runs, wait for a lost coordinator.</summary>
    public static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(10);

    /// <exception cref="CoordinatorRefusedException">The coordinator rejects the token or the certificate, or hosts a pool of another
    /// build.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator is unreachable.</exception>
    public static async Task<RemoteCluster> ConnectAsync(RemoteOptions remote, CancellationToken cancellationToken = default)
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
        try
        {
            await CheckBuildAsync(remote.Coordinator, client);
            return new RemoteCluster(client, await AskAsync(client.Grains.GetGrain<IClusterGrain>(0).RunIdAsync));
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Rejects a pool of another build than this process's.</summary>
    /// <param name="coordinator">Address or directory of the pool.</param>
    /// <param name="client">A connection to it.</param>
    /// <exception cref="CoordinatorRefusedException">The builds differ.</exception>
    public static async Task CheckBuildAsync(string coordinator, ConnectedClient client) =>
        CheckBuild(coordinator, await AskAsync(client.Grains.GetGrain<IClusterGrain>(0).PoolBuildAsync), ProgramVersion.Text);

    /// <summary>Rejects a pool of another build, whose messages may differ. The processes of a run compare builds when workers join.</summary>
    /// <param name="coordinator">Address of the pool.</param>
    /// <param name="pool">The pool's build; null for a run.</param>
    /// <param name="own">This process's build.</param>
    /// <exception cref="CoordinatorRefusedException">The builds differ.</exception>
    internal static void CheckBuild(string coordinator, string? pool, string own)
    {
        if (pool is not null && pool != own)
        {
            throw new CoordinatorRefusedException(
                $"The pool at {coordinator} runs another build of ClipTrain ({pool}) than this process ({own}). Start the pool, its "
                    + "standbys, its nodes and its sweeps with the same build."
            );
        }
    }

    /// <summary>Connects to a cluster that hosts a pool.</summary>
    /// <exception cref="CoordinatorRefusedException">The coordinator hosts a run, or rejects this process.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator is unreachable.</exception>
    public static async Task<RemoteCluster> ToPoolAsync(RemoteOptions remote)
    {
        var cluster = await ConnectAsync(remote);
        if (cluster.RunId is not { } run)
        {
            return cluster;
        }

        await cluster.DisposeAsync();
        throw new CoordinatorRefusedException(
            $"{remote.Coordinator} hosts the run {run}, not a pool. Give the address that `cliptrain pool` prints."
        );
    }

    /// <summary>
    /// Address of this machine for processes that reach the cluster: of its interface towards a coordinator's own address, which is on
    /// loopback only if the whole cluster is.
    /// </summary>
    /// <exception cref="UsageException">No interface routes there.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<string> OwnAddressAsync() =>
        OwnAddress.Towards((await AskAsync(() => Client.Grains.GetGrain<IGatewaysGrain>(0).ListAsync([])))[0]);

    /// <summary>Retries while a coordinator that has just died is replaced by another.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public static Task<T> AskAsync<T>(Func<Task<T>> call) => GrainCalls.RepeatAsync(call, Patience, TimeProvider.System);

    /// <inheritdoc cref="AskAsync{T}"/>
    public static Task AskAsync(Func<Task> call) => GrainCalls.RepeatAsync(call, Patience, TimeProvider.System);

    /// <summary>Retries as long as nodes do. What is watched goes on meanwhile.</summary>
    /// <param name="call">Asks for the state of something.</param>
    /// <param name="tell">Receives a line when a pool stops answering, and when it answers again.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Cancelled to watch no more.</param>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> is cancelled, and nobody answers.</exception>
    public static async Task<T> WatchAsync<T>(Func<Task<T>> call, Action<string> tell, TimeProvider time, CancellationToken stop)
    {
        var isLost = false;
        var state = await GrainCalls.RepeatAsync(CallAsync, LongPatience, time, stop);
        if (isLost)
        {
            tell("the pool answers again");
        }

        return state;

        async Task<T> CallAsync()
        {
            try
            {
                return await call().WaitAsync(stop);
            }
            catch (Exception error) when (GrainCalls.WasUnanswered(error) && !isLost && !stop.IsCancellationRequested)
            {
                isLost = true;
                tell(
                    "the pool does not answer; its nodes go on with what they run. Waiting up to "
                        + $"{LongPatience.TotalMinutes:0} minutes for it"
                );
                throw;
            }
        }
    }

    public ValueTask DisposeAsync() => Client.DisposeAsync();
}
