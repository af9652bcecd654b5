using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// Hosts a run: passes messages to <see cref="RunMachine"/> one at a time and carries out the effects. The state is stored
/// before anybody gets an answer. Calls interleave; turns do not.
/// </summary>
[Reentrant, PreferLocalPlacement]
public sealed class RunGrain(
    [PersistentState("run", FencedFileStorage.ProviderName)] IPersistentState<RunRecord> record,
    IRunHosting hosting,
    TimeProvider time,
    ILogger<RunGrain> logger
) : Grain, IRunGrain
{
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1);

    private const int CheckpointLooks = 10;

    private readonly StoredRun _stored = new(record);
    private readonly HeldCalls _held = new(time);
    private readonly NodeOrderQueues _orders = new();
    private readonly SteadyClock _clock = new(time);
    private readonly Farewell _farewell = new(time);
    private TurnGate _gate = null!;
    private RunPeers _peers = null!;
    private RunEffects _effects = null!;
    private HeartbeatBatch _heartbeats = new();
    private OpenRun? _open;
    private IGrainTimer? _ticks;
    private Task? _conclusion;

    private RunState State => _stored.State!;

    private string RunId => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _gate = new TurnGate($"Run {RunId}");
        _peers = new RunPeers(GrainFactory, RunId, logger);
        _effects = new RunEffects(_stored, _held, _orders, _peers);
        return _stored.BeginTermAsync(cancellationToken);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        ReleaseHeld();
        _open?.Dispose();
        return Task.CompletedTask;
    }

    public async Task StartAsync(RunStart start)
    {
        using var turn = await EnterAsync(opens: false);
        var left =
            start.Continues && _stored.State is { HasEnded: false } state && state.Spec.CodeVersion == start.Spec.CodeVersion
                ? state
                : null;
        if (left is not null && start.ResumedFrom?.Step > (left.LastCheckpoint?.Step ?? 0))
        {
            // Its workers gave up on the coordinator and left a checkpoint that is newer than the one it knew.
            left = left with
            {
                LastCheckpoint = start.ResumedFrom,
            };
        }

        if (left is null || _open is null)
        {
            await OpenAsync(left ?? RunState.Create(start.Spec, start.ResumedFrom, _clock.Now));
        }
    }

    public Task<Answered> JoinAsync(JoinRequest request) => AskAsync(new RunMessage.Join(request), request.WorkerId, HeldCall.Join);

    public Task<Answered> ReportAsync(WorkerReport report) => AskAsync(new RunMessage.Report(report), report.WorkerId, HeldCall.Report);

    /// <summary>
    /// A run continues from its last checkpoint, and its workers delete older ones, so a checkpoint that is not visible on disk
    /// does not count, whoever reports it.
    /// </summary>
    public async Task<Answered> CheckpointWrittenAsync(CheckpointWritten checkpoint)
    {
        for (var looks = 0; !hosting.SeesCheckpoint(checkpoint.Step); looks++)
        {
            // On a shared file system, another machine's files may appear a little later.
            if (looks == CheckpointLooks)
            {
                _open?.Observer.OnWarning(
                    $"{PlainText.Line(checkpoint.WorkerId, 40)} reported a checkpoint of step {checkpoint.Step} that is not on disk; "
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

    public Task DivergedAsync(StepRange cause, CheckpointMark checkpoint) =>
        TakeTurnAsync(new RunMessage.Diverged(new Divergence(cause, checkpoint)));

    public async Task<Answered> BeatAsync(Heartbeat heartbeat)
    {
        var batch = _heartbeats;
        var reply = batch.Add(heartbeat);
        if (batch.Heartbeats.Count == 1)
        {
            await TakeTurnAsync(batch);
        }

        return Answer(await reply);
    }

    public Task WorkerExitedAsync(WorkerExit exit) =>
        TakeTurnAsync(new RunMessage.WorkerExited(exit.WorkerId, exit.ExitCode, exit.LastLines) { Start = exit.Start });

    public async Task<NodeOrders> NodeAsync(NodeReport report)
    {
        await TakeTurnAsync(new RunMessage.NodeJoined(new Node(report.NodeId, report.Incarnation, report.Slots)));
        foreach (var line in report.Lines)
        {
            _open!.Observer.OnWorkerLine(line);
        }

        var queue = _orders.Of(report.NodeId);
        if (report.Term == _stored.Term)
        {
            queue.Complete(report.CarriedOut);
        }

        if (queue.Pending.Count == 0 && !State.HasEnded)
        {
            await queue
                .News.WaitAsync(HeldCalls.Limit, time)
                .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        }

        // The state in memory of a fenced activation may never have been stored.
        _gate.ThrowIfFenced();
        return new NodeOrders(_stored.Term, NodeLease(State), State.HasEnded ? Ending.OutcomeOf(State) : null, queue.Pending);
    }

    public async Task NodeLeftAsync(string nodeId, string incarnation)
    {
        using var turn = await EnterAsync();
        if (Knows(nodeId, incarnation))
        {
            await LoseAsync(nodeId);
        }
    }

    public async Task<bool> NodeSilentAsync(string nodeId, string incarnation, TimeSpan silence)
    {
        using var turn = await EnterAsync();
        if (!Knows(nodeId, incarnation))
        {
            return true;
        }

        var now = time.GetUtcNow();
        if (Contact.SilenceOf(State, now - silence, now) <= NodeLease(State))
        {
            return false;
        }

        _open!.Observer.OnWarning(FormattableString.Invariant($"node {nodeId} was silent for {silence.TotalSeconds:0} s"));
        await LoseAsync(nodeId);
        return true;
    }

    public async Task<WorkerShard?> ShardAsync(string workerId)
    {
        // This may be the first call after a takeover.
        using var turn = await EnterAsync();
        return _open!.ShardOf(State, workerId);
    }

    public async Task<RunStatus> StatusAsync()
    {
        if (_open is null && hosting.MayTakeOver && _stored is { State: not null, IsConcluded: false })
        {
            // No other caller may be left to trigger the takeover.
            (await EnterAsync()).Dispose();
        }

        return new RunStatus(_stored.Term, _stored.State, $"{Environment.ProcessId} on {Environment.MachineName}", _stored.IsConcluded);
    }

    public Task<RunFilesOffer> FilesAsync() => Task.FromResult(hosting.Files);

    /// <summary>False if a newer process has the node's name.</summary>
    private bool Knows(string nodeId, string incarnation) =>
        State.Nodes.FirstOrDefault(node => node.Id == nodeId)?.Incarnation == incarnation;

    private async Task LoseAsync(string nodeId)
    {
        await GuardAsync(() => ApplyAsync(new RunMessage.NodeLost(nodeId)));
        _orders.Forget(nodeId);
    }

    /// <summary>The longest permitted silence of a node; a held call delays its next message.</summary>
    private static TimeSpan NodeLease(RunState state) => state.Spec.Timeouts.Heartbeat + HeldCalls.Limit;

    private Answered Answer(RunReply reply) => new(_stored.Term, reply);

    private async Task<Answered> AskAsync(RunMessage message, string workerId, HeldCall call)
    {
        var reply = await TakeTurnAsync(message);
        return Answer(reply is RunReply.Held ? await _held.WaitAsync(workerId, call) : reply);
    }

    /// <summary>Takes the turn of all heartbeats that arrive before it begins.</summary>
    private async Task TakeTurnAsync(HeartbeatBatch batch)
    {
        try
        {
            using var turn = await EnterAsync();
            _heartbeats = new HeartbeatBatch();
            var reply = await GuardAsync(() => ApplyAsync(new RunMessage.Heartbeats(batch.Heartbeats)));
            batch.Answer(
                ((RunReply.HeartbeatReplies)reply).Replies.Select(each =>
                    each is RunReply.HeartbeatReply { Answer: var answer } ? new RunReply.HeartbeatReply(_open!.Acknowledge(answer)) : each
                )
            );
        }
        catch (Exception error)
        {
            if (_heartbeats == batch)
            {
                _heartbeats = new HeartbeatBatch();
            }

            batch.Fail(error);
        }
    }

    private async Task<RunReply> TakeTurnAsync(RunMessage message)
    {
        using var turn = await EnterAsync();
        return await GuardAsync(async () =>
        {
            // The next generation may have to start from a checkpoint whose writer died before it could report it.
            var mayForm = message is RunMessage.WorkerExited or RunMessage.NodeLost || State.Phase == RunPhase.Forming;
            if (mayForm && _open!.FindNewerCheckpoint(State) is { } found)
            {
                await ApplyAsync(new RunMessage.CheckpointFound(found));
            }

            return await ApplyAsync(message);
        });
    }

    /// <summary>
    /// Runs a turn and brings everything that it recorded to disk before anybody gets an answer; otherwise the turn fails.
    /// </summary>
    private async Task<RunReply> GuardAsync(Func<Task<RunReply>> turn)
    {
        try
        {
            var reply = await turn();
            await _open!.FlushAsync();
            return reply;
        }
        catch (Exception error) when (error is InconsistentStateException or LedgerFencedException)
        {
            logger.LogWarning("Term {Term} of run {Run} was taken over by a newer one.", _stored.Term, RunId);
            _gate.Fence();
            ReleaseHeld();
            DeactivateOnIdle();
            throw;
        }
        catch (Exception error) when (StoredRun.DiskErrorOf(error) is null)
        {
            logger.LogCritical(error, "A turn of run {Run} failed.", RunId);
            hosting.OnDefect(error);
            throw;
        }
    }

    /// <summary>Waits for the turn. The first turn opens the run that an earlier activation left.</summary>
    private async Task<IDisposable> EnterAsync(bool opens = true)
    {
        var turn = await _gate.EnterAsync();
        try
        {
            if (opens && _open is null)
            {
                await OpenAsync(
                    (hosting.MayTakeOver ? _stored.State : null) ?? throw new InvalidOperationException($"Run {RunId} has not started yet.")
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

    private void ReleaseHeld()
    {
        _held.Release();
        _orders.WakeAll();
    }

    private async Task OpenAsync(RunState state)
    {
        await _stored.ContinueFromAsync(state);
        _open?.Dispose();
        _open = null;
        _open = new OpenRun(_stored.IsConcluded ? new ConcludedRecords(state) : hosting.Open(_stored.Term, state), state, logger);
        _open.ComputeShards(state);
        _peers.WatchNodes(state.Nodes, NodeLease(state));
        var tick = TimeSpan.FromTicks(Math.Min(LongestTick.Ticks, state.Spec.Timeouts.Heartbeat.Ticks / 4));
        _ticks?.Dispose();
        _ticks = this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(tick, tick) { KeepAlive = true });
        await ApplyAsync(_open.TakenOver(state));
    }

    private async Task<RunReply> ApplyAsync(RunMessage message)
    {
        if (message is not (RunMessage.Tick or RunMessage.TakenOver))
        {
            _farewell.NoteMessage();
        }

        if (
            message is RunMessage.NodeJoined { Node: var joined }
            && State.Nodes.Any(node => node.Id == joined.Id && node.Incarnation != joined.Incarnation)
        )
        {
            // Orders that the node's earlier process did not carry out died with it.
            _orders.Forget(joined.Id);
        }

        var before = State;
        var result = RunMachine.Handle(before, message, _clock.Now);
        _stored.Set(result.State);
        foreach (var effect in result.Effects)
        {
            switch (effect)
            {
                case RunEffect.PassOver passed:
                    hosting.PassOver(passed.Steps);
                    break;
                case RunEffect.GoBack back:
                    await GoBackAsync(back);
                    break;
                default:
                    await _effects.DoAsync(_open!, effect);
                    break;
            }
        }

        if (before.Phase == RunPhase.Running && (State.Phase != RunPhase.Running || State.Generation != before.Generation))
        {
            _peers.CloseGeneration(before);
        }

        return result.Reply;
    }

    /// <summary>Opens the run's records anew from the step that the run goes back to.</summary>
    private async Task GoBackAsync(RunEffect.GoBack back)
    {
        _open!.Dispose();

        // Verifies a checkpoint, which may be large: keep it off the grain's scheduler.
        await Task.Run(() => hosting.GoBack(back.Step));
        _open = new OpenRun(hosting.Open(_stored.Term, State.AsResumed()), State.AsResumed(), logger);
    }

    private async Task TickAsync()
    {
        await TakeTurnAsync(new RunMessage.Tick());
        if (_effects.Outcome is { } outcome && !_stored.IsConcluded && _conclusion is null && _farewell.IsOver(State))
        {
            _conclusion = ConcludeAsync(outcome);
        }
    }

    private async Task ConcludeAsync(RunOutcome outcome)
    {
        await hosting.ConcludeAsync(outcome);
        try
        {
            using var turn = await EnterAsync();
            _stored.MarkConcluded();
            await _effects.SaveAsync(_open!);
        }
        finally
        {
            // Only after the conclusion is stored: a process that takes over would conclude the run a second time.
            hosting.Leave();
        }
    }
}
