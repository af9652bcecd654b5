using System.Threading.Channels;
using ClipTrain.Coordinator.Core;
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
    private readonly IWorkerControl? _workers;
    private readonly ILogger _logger;
    private readonly SteadyClock _clock;
    private readonly Task _turns;
    private readonly Task _ticks;
    private RunState _state;

    internal HostedRun(RunSpec spec, CheckpointMark? resumedFrom, IRunObserver observer, IRunJournal journal, IWorkerControl? workers, TimeProvider time, ILogger logger)
    {
        _clock = new SteadyClock(time);
        Observer = new GuardedObserver(observer, logger);
        _journal = journal;
        _workers = workers;
        _logger = logger;
        _state = RunState.Create(spec, resumedFrom, _clock.Now);
        _turns = Task.Run(TakeTurnsAsync);
        _ticks = TickAsync(TimeSpan.FromTicks(Math.Min(LongestTick.Ticks, spec.Timeouts.Heartbeat.Ticks / 4)), time);
    }

    /// <summary>The state after the last turn.</summary>
    public RunState State => Volatile.Read(ref _state);

    /// <summary>How the run ended. Faults only by a defect of the coordinator itself.</summary>
    public Task<RunOutcome> Outcome => _outcome.Task;

    /// <summary>The run's observer; whoever else tells it something does so here, so that calls come one at a time.</summary>
    internal IRunObserver Observer { get; }

    /// <summary>Asks for a stop at a checkpoint, or at once and without one.</summary>
    public Task RequestStopAsync(string by, bool atOnce = false) => SendAsync(new RunMessage.StopRequested(by, atOnce));

    public Task RequestCheckpointAsync() => SendAsync(new RunMessage.CheckpointRequested());

    /// <summary>Takes a turn. The second task is there when the answer is held, and ends when the answer is known.</summary>
    internal async Task<(RunReply Reply, Task<RunReply>? Later)> SendAsync(RunMessage message, (string WorkerId, HeldCall Call)? call = null)
    {
        var entry = new Entry(message, call);
        if (!_channel.Writer.TryWrite(entry))
        {
            return (new RunReply.Refused(RefusalKind.WrongPhase, $"Run {State.Spec.RunId} is closed."), null);
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
            pending.TrySetResult(new RunReply.Refused(RefusalKind.WrongPhase, $"Run {State.Spec.RunId} is closed."));
        }

        _outcome.TrySetCanceled();
    }

    private async Task TickAsync(TimeSpan interval, TimeProvider time)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false))
        {
            await SendAsync(new RunMessage.Tick()).ConfigureAwait(false);
        }
    }

    private async Task TakeTurnsAsync()
    {
        await DoAsync(new RunEffect.PersistState()).ConfigureAwait(false);
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
        var result = RunMachine.Handle(State, entry.Message, _clock.Now);
        Volatile.Write(ref _state, result.State);
        foreach (var effect in result.Effects)
        {
            await DoAsync(effect).ConfigureAwait(false);
        }

        if (result.Reply is not RunReply.Held || entry.Call is not { } call)
        {
            return (result.Reply, null);
        }

        if (!_held.TryGetValue(call, out var pending))
        {
            pending = new TaskCompletionSource<RunReply>(TaskCreationOptions.RunContinuationsAsynchronously);
            _held.Add(call, pending);
        }

        return (result.Reply, pending.Task);
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
            case RunEffect.PublishMetrics publish:
                Observer.OnMetrics(publish.Metrics);
                break;
            case RunEffect.PublishWarning publish:
                Observer.OnWarning(publish.Text);
                break;
            case RunEffect.Answer answer when _held.Remove((answer.WorkerId, answer.Call), out var pending):
                pending.SetResult(answer.Reply);
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
