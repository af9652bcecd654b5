using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>What outlives an activation of a run.</summary>
[GenerateSerializer]
public sealed class RunRecord
{
    /// <summary>Counts activations. Each writes the next number before anything else, which fences off the one before.</summary>
    [Id(0)]
    public long Epoch { get; set; }

    [Id(1)]
    public RunState? State { get; set; }

    /// <summary>True once the ended run has been evaluated and summed up.</summary>
    [Id(2)]
    public bool IsConcluded { get; set; }
}

/// <summary>
/// Hosts a run: feeds <see cref="RunMachine"/> one message at a time and carries out its effects. The state is written before
/// anybody is answered. Calls interleave, turns do not.
/// </summary>
[Reentrant, PreferLocalPlacement]
public sealed class RunGrain(
    [PersistentState("run", FencedFileStorage.ProviderName)] IPersistentState<RunRecord> record,
    IRunHosting hosting,
    TimeProvider time,
    ILogger<RunGrain> logger
) : Grain, IRunGrain
{
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1),
        FarewellSilence = TimeSpan.FromSeconds(3),
        LongestFarewell = TimeSpan.FromSeconds(30);

    private const int CheckpointLooks = 10;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly HeldCalls _held = new(time);
    private readonly SteadyClock _clock = new(time);
    private List<(Heartbeat Heartbeat, TaskCompletionSource<RunReply> Reply)> _beats = [];
    private readonly Dictionary<string, NodeOrderQueue> _orders = new(StringComparer.Ordinal);
    private IRunRecords? _records;
    private GuardedObserver? _observer;
    private RecordKeeper? _keeper;
    private IReadOnlyList<Shard> _shards = [];
    private IGrainTimer? _ticks;
    private RunOutcome? _outcome;
    private Task? _conclusion;
    private long? _endedAt;
    private bool _isFenced;
    private long _lastMessage = time.GetTimestamp();

    private RunState State => record.State.State!;

    private IRunObserver Observer => _observer!;

    private string RunId => this.GetPrimaryKeyString();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        record.State.Epoch++;
        await record.WriteStateAsync(cancellationToken);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        ReleaseHeld();
        _records?.Dispose();
        return Task.CompletedTask;
    }

    public async Task StartAsync(RunStart start)
    {
        using var turn = await EnterAsync(opens: false);
        var left =
            record.State is { State: { HasEnded: false } state } && start.Continues && state.Spec.CodeVersion == start.Spec.CodeVersion
                ? state
                : null;
        if (left is not null && start.ResumedFrom?.Step > (left.LastCheckpoint?.Step ?? 0))
        {
            // Its workers gave the coordinator up meanwhile and have left a newer checkpoint than it knew.
            left = left with
            {
                LastCheckpoint = start.ResumedFrom,
            };
        }

        if (left is null || _records is null)
        {
            await OpenAsync(left ?? RunState.Create(start.Spec, start.ResumedFrom, _clock.Now));
        }
    }

    public async Task<Answered> JoinAsync(JoinRequest request) =>
        Answer(await AskAsync(new RunMessage.Join(request), request.WorkerId, HeldCall.Join));

    public async Task<Answered> ReportAsync(WorkerReport report) =>
        Answer(await AskAsync(new RunMessage.Report(report), report.WorkerId, HeldCall.Report));

    /// <summary>
    /// A run goes on from its last checkpoint and its workers remove older ones: one that nobody can see does not count, whoever tells of
    /// it.
    /// </summary>
    public async Task<Answered> CheckpointWrittenAsync(CheckpointWritten checkpoint)
    {
        for (var looks = 0; !hosting.SeesCheckpoint(checkpoint.Step); looks++)
        {
            // Another machine's file system may show a little later what a worker has written.
            if (looks == CheckpointLooks)
            {
                _observer?.OnWarning(
                    $"{PlainText.Line(checkpoint.WorkerId, 40)} has told of a checkpoint of step {checkpoint.Step} that is not on disk; "
                        + "it does not count"
                );
                return Answer(new RunReply.Accepted());
            }

            await Task.Delay(LongestTick, time).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext);
        }

        return Answer(await TakeTurnAsync(new RunMessage.Checkpointed(checkpoint)));
    }

    public async Task<Answered> CheckpointAsync() => Answer(await TakeTurnAsync(new RunMessage.CheckpointRequested()));

    public Task StopAsync(string by, bool atOnce) => TakeTurnAsync(new RunMessage.StopRequested(by, atOnce));

    /// <summary>Heartbeats that arrive while a turn is being taken share the next one.</summary>
    public async Task<Answered> BeatAsync(Heartbeat heartbeat)
    {
        var reply = new TaskCompletionSource<RunReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _beats.Add((heartbeat, reply));
        if (_beats.Count == 1)
        {
            await TakeBeatsAsync();
        }

        return Answer(await reply.Task);
    }

    public Task WorkerExitedAsync(WorkerExit exit) =>
        TakeTurnAsync(new RunMessage.WorkerExited(exit.WorkerId, exit.ExitCode, exit.LastLines) { Start = exit.Start });

    public async Task<NodeOrders> NodeAsync(NodeReport report)
    {
        await TakeTurnAsync(new RunMessage.NodeJoined(new Node(report.NodeId, report.Incarnation, report.Slots)));
        foreach (var line in report.Lines)
        {
            Observer.OnWorkerLine(line);
        }

        var queue = Orders(report.NodeId);
        if (report.Epoch == record.State.Epoch)
        {
            queue.CarriedOut(report.CarriedOut);
        }

        if (queue.Pending.Count == 0 && !State.HasEnded)
        {
            await queue
                .News.WaitAsync(HeldCalls.Limit, time)
                .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        }

        ThrowIfFenced();
        return new NodeOrders(record.State.Epoch, NodeLease(State), State.HasEnded ? Ending.OutcomeOf(State) : null, queue.Pending);
    }

    public async Task NodeLeftAsync(string nodeId, string incarnation, string? reason)
    {
        using var turn = await EnterAsync();
        if (State.Nodes.FirstOrDefault(node => node.Id == nodeId)?.Incarnation != incarnation)
        {
            // A newer process has the node's name.
            return;
        }

        if (reason is not null)
        {
            Observer.OnWarning($"node {nodeId} {reason}");
        }

        await GuardAsync(() => ApplyAsync(new RunMessage.NodeLost(nodeId)));
        ForgetOrders(nodeId);
    }

    public async Task<WorkerShard?> ShardAsync(string workerId)
    {
        // The call may be the first one after a takeover.
        using var turn = await EnterAsync();
        return State.Find(workerId) is { IsAssigned: true, Rank: { } rank } member && _shards.Count > rank
            ? new WorkerShard(Formation.AssignmentOf(State, member), _shards[rank])
            : null;
    }

    public async Task<RunStatus> StatusAsync()
    {
        if (_records is null && hosting.MayTakeOver && record.State is { State: not null, IsConcluded: false })
        {
            // Nobody else may be left who would call.
            (await EnterAsync()).Dispose();
        }

        return new RunStatus(
            record.State.Epoch,
            record.State.State,
            $"{Environment.ProcessId} on {Environment.MachineName}",
            record.State.IsConcluded
        );
    }

    public Task<RunFilesOffer> FilesAsync() => Task.FromResult(hosting.Files);

    /// <summary>A node's call may be held, and says nothing meanwhile.</summary>
    private static TimeSpan NodeLease(RunState state) => state.Spec.Timeouts.Heartbeat + HeldCalls.Limit;

    private Answered Answer(RunReply reply) => new(record.State.Epoch, reply);

    private NodeOrderQueue Orders(string nodeId)
    {
        if (!_orders.TryGetValue(nodeId, out var queue))
        {
            _orders.Add(nodeId, queue = new NodeOrderQueue());
        }

        return queue;
    }

    private void ForgetOrders(string nodeId)
    {
        if (_orders.Remove(nodeId, out var queue))
        {
            queue.Wake();
        }
    }

    private async Task<RunReply> AskAsync(RunMessage message, string workerId, HeldCall call)
    {
        var reply = await TakeTurnAsync(message);
        return reply is RunReply.Held ? await _held.WaitAsync(workerId, call) : reply;
    }

    private async Task TakeBeatsAsync()
    {
        List<(Heartbeat Heartbeat, TaskCompletionSource<RunReply> Reply)> beats = [];
        try
        {
            using var turn = await EnterAsync();
            (beats, _beats) = (_beats, []);
            var reply = await GuardAsync(() => ApplyAsync(new RunMessage.Beats([.. beats.Select(beat => beat.Heartbeat)])));
            foreach (var ((_, pending), answer) in beats.Zip(((RunReply.HeartbeatReplies)reply).Replies))
            {
                pending.SetResult(
                    answer is RunReply.HeartbeatReply { Answer: { } told } ? new RunReply.HeartbeatReply(Acknowledged(told)) : answer
                );
            }
        }
        catch (Exception error)
        {
            // When no turn could be taken, those that wait for it are told.
            var waiting = beats.Count > 0 ? beats : Interlocked.Exchange(ref _beats, []);
            waiting.ForEach(beat => beat.Reply.TrySetException(error));
        }
    }

    /// <summary>What the ledger could not take yet is not acknowledged, and nobody is asked for more.</summary>
    private HeartbeatAnswer Acknowledged(HeartbeatAnswer told) =>
        _keeper!.Safe(told.RecordedStep) is var safe && safe < told.RecordedStep
            ? told with
            {
                RecordedStep = safe,
                WantsMoreRecords = false,
            }
            : told;

    private async Task<RunReply> TakeTurnAsync(RunMessage message)
    {
        using var turn = await EnterAsync();
        return await GuardAsync(async () =>
        {
            // The next generation may have to start from a checkpoint whose writer did not live to tell of it.
            var mayForm = message is RunMessage.WorkerExited or RunMessage.NodeLost || State.Phase == RunPhase.Forming;
            if (mayForm && _records!.FindCheckpoint() is { } found && found.Step > (State.LastCheckpoint?.Step ?? 0))
            {
                await ApplyAsync(new RunMessage.CheckpointFound(found));
            }

            return await ApplyAsync(message);
        });
    }

    /// <summary>Everything that a turn has recorded is on disk before anybody is answered, or the turn fails.</summary>
    private async Task<RunReply> GuardAsync(Func<Task<RunReply>> turn)
    {
        try
        {
            var reply = await turn();
            await _keeper!.FlushAsync();
            return reply;
        }
        catch (Exception error) when (error is InconsistentStateException or LedgerFencedException)
        {
            logger.LogWarning("Epoch {Epoch} of run {Run} was taken over by a newer one.", record.State.Epoch, RunId);
            _isFenced = true;
            ReleaseHeld();
            DeactivateOnIdle();
            throw;
        }
        catch (Exception error) when (DiskErrorOf(error) is null)
        {
            logger.LogCritical(error, "A turn of run {Run} failed.", RunId);
            hosting.OnDefect(error);
            throw;
        }
    }

    /// <summary>The right to take a turn. The first one opens what an earlier activation has left.</summary>
    private async Task<IDisposable> EnterAsync(bool opens = true)
    {
        await _turn.WaitAsync();
        var turn = new Turn(_turn);
        try
        {
            ThrowIfFenced();
            if (opens && _records is null)
            {
                await OpenAsync(
                    (hosting.MayTakeOver ? record.State.State : null)
                        ?? throw new InvalidOperationException($"Run {RunId} has not begun yet.")
                );
            }

            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>What a turn of a zombie has left in memory was never stored: nobody may be answered from it.</summary>
    private void ThrowIfFenced()
    {
        if (_isFenced)
        {
            throw new OrleansException($"Run {RunId} was taken over by another process.");
        }
    }

    private void ReleaseHeld()
    {
        _held.Release();
        foreach (var node in _orders.Values)
        {
            node.Wake();
        }
    }

    private async Task OpenAsync(RunState state)
    {
        await BeginAsync(state);
        _records?.Dispose();
        _records = null;
        IRunRecords records = record.State.IsConcluded ? new ConcludedRecords(state) : hosting.Open(record.State.Epoch, state);
        var ledger = records.Ledger;

        // A run that goes on from a checkpoint has not undone yet what the ledger says of later steps.
        var recorded = state.Assignment is null ? state.RecordedStep : ledger.RecordedStep;
        (_records, _observer) = (records, new GuardedObserver(records.Observer, logger));
        _keeper = new RecordKeeper(ledger, _observer, recorded);
        if (state is { Phase: RunPhase.Running, Assignment: { } assignment })
        {
            _shards = records.Shards(assignment.WorldSize, assignment.StartStep);
        }

        foreach (var node in state.Nodes)
        {
            _ = GrainFactory.GetGrain<INodeGrain>(NodeGrain.KeyOf(RunId, node.Id)).WatchAsync(node.Incarnation, NodeLease(state));
        }

        var tick = TimeSpan.FromTicks(Math.Min(LongestTick.Ticks, state.Spec.Timeouts.Heartbeat.Ticks / 4));
        _ticks?.Dispose();
        _ticks = this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(tick, tick) { KeepAlive = true });
        await ApplyAsync(new RunMessage.TakenOver(recorded) { RecordedGeneration = RecordedGeneration(state, ledger) });
    }

    /// <summary>Stores the state that the run goes on from, where it is another than the stored one.</summary>
    private async Task BeginAsync(RunState state)
    {
        var (before, wasConcluded) = (record.State.State, record.State.IsConcluded);
        if (before == state)
        {
            return;
        }

        try
        {
            (record.State.State, record.State.IsConcluded) = (state, false);
            try
            {
                await record.WriteStateAsync();
            }
            catch (Exception error) when (DiskErrorOf(error) is { } diskError)
            {
                throw new IOException(diskError.Message, error);
            }
        }
        catch
        {
            (record.State.State, record.State.IsConcluded) = (before, wasConcluded);
            throw;
        }
    }

    /// <summary>
    /// The last generation that both ledger and state know: the ledger may hold the generations of an earlier start of the run.
    /// </summary>
    private static int RecordedGeneration(RunState state, IRunLedger ledger) =>
        ledger.LastGeneration is { } last && last.Generation == state.Generation && last.StartStep == state.Assignment?.StartStep
            ? state.Generation
            : state.Generation - 1;

    private async Task<RunReply> ApplyAsync(RunMessage message)
    {
        if (message is not (RunMessage.Tick or RunMessage.TakenOver))
        {
            _lastMessage = time.GetTimestamp();
        }

        if (
            message is RunMessage.NodeJoined { Node: var joined }
            && State.Nodes.Any(node => node.Id == joined.Id && node.Incarnation != joined.Incarnation)
        )
        {
            // What the node's earlier process has not carried out died with it.
            ForgetOrders(joined.Id);
        }

        var before = State;
        var result = RunMachine.Handle(before, message, _clock.Now);
        record.State.State = result.State;
        foreach (var effect in result.Effects)
        {
            await DoAsync(effect);
        }

        if (before.Phase == RunPhase.Running && (State.Phase != RunPhase.Running || State.Generation != before.Generation))
        {
            EndGeneration(before);
        }

        return result.Reply;
    }

    private async Task DoAsync(RunEffect effect)
    {
        switch (effect)
        {
            case RunEffect.PersistState:
                await PersistAsync();
                break;
            case RunEffect.PublishStatus:
                Observer.OnStatus(State);
                break;
            case RunEffect.PublishWarning publish:
                Observer.OnWarning(publish.Text);
                break;
            case RunEffect.RecordGeneration generation:
                await FormAsync(generation.Record);
                break;
            case RunEffect.RecordSteps steps:
                await _keeper!.RecordAsync(steps.Records);
                break;
            case RunEffect.Answer answer:
                _held.Answer(answer.WorkerId, answer.Call, answer.Reply);
                break;
            case RunEffect.StartWorker start:
                Orders(start.NodeId).Add(NodeAction.Start, start.WorkerId, start.Start);
                break;
            case RunEffect.KillWorker { NodeId: { } node } kill:
                Orders(node).Add(NodeAction.Kill, kill.WorkerId);
                break;
            case RunEffect.DismissWorker { NodeId: { } node } dismiss:
                Orders(node).Add(NodeAction.Dismiss, dismiss.WorkerId);
                break;
            case RunEffect.EndRun end:
                _outcome = end.Outcome;
                foreach (var node in _orders.Values)
                {
                    node.Wake();
                }

                break;
        }
    }

    /// <summary>A full disk must not end a run that could still go on; workers find out by themselves when they save.</summary>
    private async Task PersistAsync()
    {
        try
        {
            await record.WriteStateAsync();
        }
        catch (Exception error) when (DiskErrorOf(error) is { } diskError)
        {
            Observer.OnWarning($"the run's state could not be written: {diskError.Message}");
        }
    }

    /// <summary>The storage's own exception, which Orleans wraps; null for any other.</summary>
    private static Exception? DiskErrorOf(Exception error) =>
        error switch
        {
            IOException or UnauthorizedAccessException => error,
            OrleansException { InnerException: { } inner } => DiskErrorOf(inner),
            _ => null,
        };

    /// <summary>
    /// Before a rank is told of its assignment, its shard is with its worker's grain and its peers can be met. A grain whose
    /// host has just died must not hold up the others: a worker's asks for the shard itself, and ranks that cannot meet join again.
    /// </summary>
    private async Task FormAsync(GenerationRecord generation)
    {
        var assignment = State.Assignment!;
        _shards = _records!.Shards(assignment.WorldSize, assignment.StartStep);
        await _keeper!.RecordAsync(generation with { Shards = [.. _shards.Select(shard => shard.Digest())] });
        await TryAsync(GrainFactory.GetGrain<IRendezvousGrain>(RendezvousGrain.KeyOf(RunId, generation.Generation)).OpenAsync());
        await Task.WhenAll(
            generation.Workers.Select(
                (worker, rank) =>
                    TryAsync(
                        Worker(worker).AssignAsync(record.State.Epoch, new WorkerShard(assignment with { Rank = rank }, _shards[rank]))
                    )
            )
        );
    }

    private async Task TryAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (Exception error) when (GrainCalls.WasUnanswered(error))
        {
            logger.LogWarning(error, "A grain of run {Run} could not be reached.", RunId);
        }
    }

    private void EndGeneration(RunState before)
    {
        _ = GrainFactory.GetGrain<IRendezvousGrain>(RendezvousGrain.KeyOf(RunId, before.Generation)).CloseAsync();
        foreach (var member in before.Members.Where(member => member.IsAssigned))
        {
            _ = Worker(member.WorkerId).BeatNowAsync();
        }
    }

    private IWorkerGrain Worker(string workerId) => GrainFactory.GetGrain<IWorkerGrain>(WorkerGrain.KeyOf(RunId, workerId));

    private async Task TickAsync()
    {
        await TakeTurnAsync(new RunMessage.Tick());
        if (_outcome is { } outcome && !record.State.IsConcluded && _conclusion is null && IsFarewellOver())
        {
            _conclusion = ConcludeAsync(outcome);
        }
    }

    /// <summary>Nodes leave by themselves; workers that came by themselves ask once a heartbeat until they have heard of the end.</summary>
    private bool IsFarewellOver() =>
        (State.Nodes.Count == 0 && State.Members.All(member => member.IsManaged))
        || time.GetElapsedTime(_lastMessage) >= FarewellSilence
        || time.GetElapsedTime(_endedAt ??= time.GetTimestamp()) >= LongestFarewell;

    private async Task ConcludeAsync(RunOutcome outcome)
    {
        await hosting.ConcludeAsync(outcome);
        try
        {
            using var turn = await EnterAsync();
            record.State.IsConcluded = true;
            await PersistAsync();
        }
        finally
        {
            // Not before the conclusion is stored: whoever took over from a process that has left would sum up once more.
            hosting.Leave();
        }
    }

    /// <summary>Ends a turn.</summary>
    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
