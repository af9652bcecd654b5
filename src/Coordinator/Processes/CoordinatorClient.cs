using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// A worker's or node's connection to the control plane. Calls are repeated for at most <see cref="RetryFor"/> while no coordinator
/// answers, so that another process can take over the run; a refusal is final. Thread-safe.
/// </summary>
/// <param name="grains">The connection to the cluster.</param>
/// <param name="run">The run's name.</param>
/// <param name="workerId">The worker's name in the run; empty if the process is not a worker.</param>
public sealed class CoordinatorClient(IGrainFactory grains, string run, string workerId, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100),
        LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Time within which the name of a dead process becomes free.</summary>
    private static readonly TimeSpan NameFreeWithin = TimeSpan.FromSeconds(6);

    private readonly IRunGrain _run = grains.GetGrain<IRunGrain>(run);
    private readonly Lock _lock = new();
    private CancellationTokenSource _takeover = new();
    private long _term;
    private int _checkpointsConfirmed;

    public string WorkerId { get; } = workerId;

    /// <summary>Maximum time to retry while no coordinator answers.</summary>
    public TimeSpan RetryFor { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Term of the newest activation that has answered; 0 before the first answer.</summary>
    internal long Term => Interlocked.Read(ref _term);

    internal int CheckpointsConfirmed => Volatile.Read(ref _checkpointsConfirmed);

    internal TimeProvider Time => time;

    /// <summary>Asks for an assignment in the next generation. Completes when it has formed, or the run ends.</summary>
    /// <exception cref="CoordinatorRefusedException">The worker does not match the run, or the run has ended.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<JoinAnswer> JoinAsync(JoinRequest request, CancellationToken cancellationToken = default) =>
        await AskAsync(() => _run.JoinAsync(request), RetryFor, cancellationToken) switch
        {
            RunReply.Assigned assigned => new JoinAnswer(assigned.Assignment, Directive: null),
            RunReply.Directed directed => new JoinAnswer(Assignment: null, directed.Directive),
            var reply => throw Unexpected(reply),
        };

    /// <summary>The worker's shard in a generation; null if that generation is over.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<Shard?> ShardAsync(int generation, CancellationToken cancellationToken = default) =>
        (await RetryAsync(() => Worker.ShardAsync(generation), RetryFor, cancellationToken))?.Shard;

    /// <summary>
    /// Reports the end of training. After Completed and Stopped the answer comes when all ranks have reported (Continue), or the
    /// generation broke (Rejoin).
    /// </summary>
    /// <exception cref="CoordinatorRefusedException">The run does not know the worker.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<Directive> ReportAsync(WorkerReport report, CancellationToken cancellationToken = default) =>
        await AskAsync(() => _run.ReportAsync(report), RetryFor, cancellationToken) is RunReply.Directed directed
            ? directed.Directive
            : Directive.Continue;

    /// <summary>Reports a complete checkpoint on disk. It counts when this call completes.</summary>
    /// <exception cref="CoordinatorRefusedException">The run does not know the worker, or rejects the checkpoint.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task CheckpointWrittenAsync(string incarnation, long step, string directory, CancellationToken cancellationToken = default)
    {
        await AskAsync(
            () => _run.CheckpointWrittenAsync(new CheckpointWritten(WorkerId, incarnation, step, directory)),
            RetryFor,
            cancellationToken
        );
        Interlocked.Increment(ref _checkpointsConfirmed);
    }

    /// <summary>Carries out an operation on the key-value store of a generation. Get completes when the key exists.</summary>
    /// <exception cref="CoordinatorRefusedException">The generation is over.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<StoreAnswer> StoreAsync(StoreRequest request, CancellationToken cancellationToken = default)
    {
        var store = grains.GetGrain<IRendezvousGrain>(RendezvousGrain.KeyOf(run, request.Generation));
        while (true)
        {
            if (await RetryAsync(() => store.AskAsync(request), RetryFor, cancellationToken) is { } answer)
            {
                return answer;
            }
        }
    }

    /// <summary>Content of the run's resolved configuration file and corpus manifest.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<RunFilesOffer> FilesAsync(CancellationToken cancellationToken = default) =>
        RetryAsync(_run.FilesAsync, RetryFor, cancellationToken);

    internal async Task<HeartbeatAnswer> HeartbeatAsync(Heartbeat heartbeat, TimeSpan retryFor, CancellationToken cancellationToken) =>
        await AskAsync(() => _run.BeatAsync(heartbeat), retryFor, cancellationToken) is RunReply.HeartbeatReply reply
            ? reply.Answer
            : throw Unexpected(heartbeat);

    /// <summary>Lets the coordinator ask this process for an early heartbeat. A failure only costs time.</summary>
    internal async Task TryAttachAsync(IWorkerObserver process)
    {
        try
        {
            await Worker.AttachAsync(grains.CreateObjectReference<IWorkerObserver>(process));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Repeated for the next activation.
        }
    }

    internal Task<NodeOrders> NodeAsync(NodeReport report, CancellationToken cancellationToken) =>
        RetryAsync(() => Node(report.NodeId).ExchangeAsync(report), RetryFor, cancellationToken);

    internal Task NodeLeaveAsync(string nodeId, string incarnation, CancellationToken cancellationToken) =>
        RetryAsync(
            async () =>
            {
                await Node(nodeId).LeaveAsync(incarnation);
                return true;
            },
            RetryFor,
            cancellationToken
        );

    internal Task WorkerExitedAsync(WorkerExit exit, CancellationToken cancellationToken) =>
        RetryAsync(
            async () =>
            {
                await _run.WorkerExitedAsync(exit);
                return true;
            },
            RetryFor,
            cancellationToken
        );

    private IWorkerGrain Worker => grains.GetGrain<IWorkerGrain>(WorkerGrain.KeyOf(run, WorkerId));

    private INodeGrain Node(string nodeId) => grains.GetGrain<INodeGrain>(NodeGrain.KeyOf(run, nodeId));

    private static InvalidOperationException Unexpected(object reply) => new($"Unexpected answer of the coordinator: {reply}.");

    /// <summary>Repeats a call until the current activation has decided it.</summary>
    private async Task<RunReply> AskAsync(Func<Task<Answered>> call, TimeSpan retryFor, CancellationToken cancellationToken)
    {
        long? takenSince = null;
        while (true)
        {
            var answered = await RetryAsync(call, retryFor, cancellationToken);
            if (!IsCurrent(answered.Term))
            {
                // A replaced activation answers at once until Orleans notices it.
                await Task.Delay(FirstPause, time, cancellationToken);
                continue;
            }

            switch (answered.Reply)
            {
                case RunReply.Held:
                    continue;
                case RunReply.Refused { Kind: RefusalKind.NameTaken }
                    when time.GetElapsedTime(takenSince ??= time.GetTimestamp()) < NameFreeWithin:
                    await Task.Delay(FirstPause, time, cancellationToken);
                    continue;
                case RunReply.Refused refused:
                    throw new CoordinatorRefusedException(refused.Reason);
                default:
                    return answered.Reply;
            }
        }
    }

    /// <summary>Repeats a call until it is answered. A takeover abandons the call in progress at once, since no answer will come.</summary>
    private async Task<T> RetryAsync<T>(Func<Task<T>> call, TimeSpan retryFor, CancellationToken cancellationToken)
    {
        long? failingSince = null;
        var pause = FirstPause;
        while (true)
        {
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Takeover);
            try
            {
                return await call().WaitAsync(attempt.Token);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw;
            }
            catch (OperationCanceledException) when (attempt.IsCancellationRequested)
            {
                continue;
            }
            catch (Exception error) when (error is not CoordinatorRefusedException)
            {
                failingSince ??= time.GetTimestamp();
                if (time.GetElapsedTime(failingSince.Value) >= retryFor)
                {
                    throw new CoordinatorLostException($"No coordinator of run {run} can be reached: {error.Message}", error);
                }
            }

            await Task.Delay(pause, time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private CancellationToken Takeover
    {
        get
        {
            lock (_lock)
            {
                return _takeover.Token;
            }
        }
    }

    /// <summary>False for an answer from a replaced activation. Notes a newer one, and abandons calls that wait for an older one.</summary>
    private bool IsCurrent(long term)
    {
        CancellationTokenSource? ended = null;
        lock (_lock)
        {
            if (term < _term)
            {
                return false;
            }

            if (term > _term)
            {
                ended = _term > 0 ? _takeover : null;
                (_term, _takeover) = (term, ended is null ? _takeover : new CancellationTokenSource());
            }
        }

        ended?.Cancel();
        return true;
    }
}
