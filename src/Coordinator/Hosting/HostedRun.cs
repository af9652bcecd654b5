using System.Threading.Channels;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// One run in this process: feeds <see cref="RunMachine"/> one message at a time and does what it says. The state is on
/// disk before anybody is answered.
/// </summary>
public sealed class HostedRun : IAsyncDisposable
{
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1);

    private readonly Channel<Entry> _channel = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<(string WorkerId, HeldCall Call), TaskCompletionSource<RunReply>> _held = [];
    private readonly TaskCompletionSource<RunOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closing = new();
    private readonly IRunJournal _journal;
    private readonly RecordKeeper _records;
    private readonly IWorkerControl? _workers;
    private readonly Func<CheckpointMark?>? _findCheckpoint;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly SteadyClock _clock;
    private readonly Task _turns;
    private readonly Task _ticks;
    private RunState _state;
    private long _lastMessage;
    private int _stops;

    /// <summary>Takes a run up in a state that a journal has kept, or that is new.</summary>
    internal HostedRun(RunState state, IRunObserver observer, IRunJournal journal, IRunLedger ledger, IWorkerControl? workers, RunFilesOffer? files, Func<CheckpointMark?>? findCheckpoint, TimeProvider time, ILogger logger)
    {
        _time = time;
        _clock = new SteadyClock(time);
        _lastMessage = time.GetTimestamp();
        Observer = new GuardedObserver(observer, logger);
        Files = files;
        _journal = journal;
        _workers = workers;
        _findCheckpoint = findCheckpoint;
        _logger = logger;
        _state = state;

        // A run that goes on from a checkpoint has not undone yet what the ledger says of later steps.
        var recorded = state.Assignment is null ? state.RecordedStep : ledger.RecordedStep;
        _records = new RecordKeeper(ledger, Observer, recorded);
        var restarted = new Entry(new RunMessage.TakenOver(recorded) { RecordedGeneration = RecordedGeneration(state, ledger) }, Call: null);
        _channel.Writer.TryWrite(restarted);
        _turns = Task.Run(TakeTurnsAsync);
        _ticks = TickAsync(TimeSpan.FromTicks(Math.Min(LongestTick.Ticks, state.Spec.Timeouts.Heartbeat.Ticks / 4)));
    }

    /// <summary>The state after the last turn.</summary>
    public RunState State => Volatile.Read(ref _state);

    /// <summary>How the run ended. Faults only by a defect of the coordinator itself.</summary>
    public Task<RunOutcome> Outcome => _outcome.Task;

    /// <summary>How long no worker has said anything: after the end of the run, whether all have heard of it and gone.</summary>
    public TimeSpan SinceLastMessage => _time.GetElapsedTime(Volatile.Read(ref _lastMessage));

    /// <summary>The run's observer; whoever else tells it something does so here, so that calls come one at a time.</summary>
    internal IRunObserver Observer { get; }

    internal RunFilesOffer? Files { get; }

    internal RendezvousStore Store { get; } = new();

    /// <summary>Asks for a stop: the first call at a checkpoint, a second one at once and without.</summary>
    /// <param name="by">Who asks, as in "stopped by Ctrl-C".</param>
    public void RequestStop(string by) => _ = RequestStopAsync(by, atOnce: Interlocked.Increment(ref _stops) > 1);

    /// <summary>Asks for a stop at a checkpoint, or at once and without one.</summary>
    public Task RequestStopAsync(string by, bool atOnce = false) => SendAsync(new RunMessage.StopRequested(by, atOnce));

    public Task RequestCheckpointAsync() => SendAsync(new RunMessage.CheckpointRequested());

    /// <summary>Takes a turn. The second task is there when the answer is held, and ends when the answer is known.</summary>
    /// <exception cref="RunClosedException">The run is not hosted here any more, though it has not ended; also from the second task.</exception>
    internal async Task<(RunReply Reply, Task<RunReply>? Later)> SendAsync(RunMessage message, (string WorkerId, HeldCall Call)? call = null)
    {
        if (message is RunMessage.Join or RunMessage.Beats or RunMessage.Report or RunMessage.Checkpointed)
        {
            Volatile.Write(ref _lastMessage, _time.GetTimestamp());
        }

        var entry = new Entry(message, call);
        if (!_channel.Writer.TryWrite(entry))
        {
            return State.EndText is { } end
                ? (new RunReply.Refused(RefusalKind.WrongPhase, end), null)
                : throw new RunClosedException(State.Spec.RunId);
        }

        return await entry.Answer.Task.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _ticks.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _channel.Writer.TryComplete();
        await _turns.ConfigureAwait(false);
        foreach (var pending in _held.Values)
        {
            pending.TrySetException(new RunClosedException(State.Spec.RunId));
        }

        _held.Clear();
        Store.CloseAllBut(generation: null);
        _outcome.TrySetCanceled();
    }

    /// <summary>The last generation that both ledger and state know: the ledger may hold the generations of an earlier start of the run.</summary>
    private static int RecordedGeneration(RunState state, IRunLedger ledger) =>
        ledger.LastGeneration is { } last && last.Generation == state.Generation && last.StartStep == state.Assignment?.StartStep ? state.Generation : state.Generation - 1;

    private async Task TickAsync(TimeSpan interval)
    {
        using var timer = new PeriodicTimer(interval, _time);
        while (await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false))
        {
            await SendAsync(new RunMessage.Tick()).ConfigureAwait(false);
        }
    }

    private async Task TakeTurnsAsync()
    {
        await foreach (var entry in _channel.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                entry.Answer.SetResult(await TakeTurnAsync(entry).ConfigureAwait(false));
            }
            catch (Exception error)
            {
                _logger.LogCritical(error, "A turn of run {Run} failed.", State.Spec.RunId);
                entry.Answer.SetException(error);
                _outcome.TrySetException(error);
            }
        }
    }

    private async Task<(RunReply Reply, Task<RunReply>? Later)> TakeTurnAsync(Entry entry)
    {
        // The next generation may have to start from a checkpoint whose writer did not live to tell of it. A heartbeat forms none.
        var mayForm = entry.Message is RunMessage.WorkerExited || (State.Phase == RunPhase.Forming && entry.Message is not RunMessage.Beats);
        if (mayForm && _findCheckpoint?.Invoke() is { } found && found.Step > (State.LastCheckpoint?.Step ?? 0))
        {
            await ApplyAsync(new RunMessage.CheckpointFound(found)).ConfigureAwait(false);
        }

        var result = await ApplyAsync(entry.Message).ConfigureAwait(false);
        await _records.FlushAsync().ConfigureAwait(false);
        return result.Reply switch
        {
            RunReply.Held when entry.Call is { } call => (result.Reply, Hold(call)),
            RunReply.HeartbeatReplies { Replies: [RunReply.HeartbeatReply reply] } => (new RunReply.HeartbeatReply(reply.Answer with { RecordedStep = _records.Safe(reply.Answer.RecordedStep) }), null),
            RunReply.HeartbeatReplies { Replies: [var reply] } => (reply, null),
            var reply => (reply, null),
        };
    }

    private async Task<TurnResult> ApplyAsync(RunMessage message)
    {
        var result = RunMachine.Handle(State, message, _clock.Now);
        Volatile.Write(ref _state, result.State);
        Store.CloseAllBut(result.State.Phase == RunPhase.Running ? result.State.Generation : null);
        foreach (var effect in result.Effects)
        {
            await DoAsync(effect).ConfigureAwait(false);
        }

        return result;
    }

    private Task<RunReply> Hold((string WorkerId, HeldCall Call) call)
    {
        if (!_held.TryGetValue(call, out var pending))
        {
            pending = new TaskCompletionSource<RunReply>(TaskCreationOptions.RunContinuationsAsynchronously);
            _held.Add(call, pending);
        }

        return pending.Task;
    }

    private async Task DoAsync(RunEffect effect)
    {
        switch (effect)
        {
            case RunEffect.PersistState:
                await PersistAsync().ConfigureAwait(false);
                break;
            case RunEffect.PublishStatus:
                Observer.OnStatus(State);
                break;
            case RunEffect.PublishWarning publish:
                Observer.OnWarning(publish.Text);
                break;
            case RunEffect.RecordGeneration record:
                await _records.RecordAsync(record.Record).ConfigureAwait(false);
                Store.Open(record.Record.Generation);
                break;
            case RunEffect.RecordSteps record:
                await _records.RecordAsync(record.Records).ConfigureAwait(false);
                break;
            case RunEffect.Answer answer when _held.Remove((answer.WorkerId, answer.Call), out var pending):
                pending.SetResult(answer.Reply);
                break;
            case RunEffect.StartWorker start:
                _workers?.Start(start.WorkerId);
                break;
            case RunEffect.KillWorker kill:
                _workers?.Kill(kill.WorkerId);
                break;
            case RunEffect.DismissWorker dismiss:
                _workers?.Dismiss(dismiss.WorkerId);
                break;
            case RunEffect.EndRun end:
                _outcome.TrySetResult(end.Outcome);
                break;
        }
    }

    /// <summary>A full disk must not end a run that could still go on; workers find out by themselves when they save.</summary>
    private async Task PersistAsync()
    {
        try
        {
            await _journal.WriteAsync(State).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Observer.OnWarning($"the run's state could not be written: {error.Message}");
        }
    }

    private sealed record Entry(RunMessage Message, (string WorkerId, HeldCall Call)? Call)
    {
        public TaskCompletionSource<(RunReply Reply, Task<RunReply>? Later)> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>The run has not ended, but this coordinator hosts it no more: another may, after a restart.</summary>
internal sealed class RunClosedException(string runId) : Exception($"The coordinator of run {runId} is being shut down.");
