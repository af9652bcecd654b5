using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>An experiment: many runs on one pool. Its key is the experiment's name. Every call may be repeated without harm.</summary>
public interface IExperimentGrain : IGrainWithStringKey
{
    /// <summary>Adds the trials that are new. They are stored when this returns.</summary>
    /// <exception cref="CoordinatorRefusedException">The submission is inconsistent, or contradicts an earlier one.</exception>
    Task SubmitAsync(ExperimentSpec spec);

    /// <summary>Stops all unfinished trials.</summary>
    /// <param name="by">The requester, for messages.</param>
    Task CancelAsync(string by);

    Task<ExperimentState> StateAsync();

    /// <summary>Announces leases that the pool granted or revoked. The pool repeats a lost call.</summary>
    [OneWay]
    Task LeasesChangedAsync(Lease[] leases);

    /// <summary>Announces the end of a run. The caller repeats it until it returns.</summary>
    Task RunEndedAsync(TrialEnd end);

    /// <summary>Deletes the state of an experiment that ended a week ago.</summary>
    /// <returns>True if no state is left.</returns>
    Task<bool> ForgetAsync();
}

/// <summary>Starts and stops the runs of experiments. Failed calls are repeated, and calls may arrive out of order.</summary>
public interface IRunLauncher
{
    /// <summary>
    /// Starts an attempt, once however often it is called, and never after its stop or a later attempt. Reports the run's end with <see
    /// cref="IExperimentGrain.RunEndedAsync"/>, also if the run could not start because its file is invalid.
    /// </summary>
    Task StartAsync(TrialStart start);

    /// <summary>Stops the attempt that has a lease. When this returns, none of its processes is left on any reachable node.</summary>
    /// <returns>How it ended, which may have been on its own just before: a completed run must not run again.</returns>
    Task<TrialEnd> StopAsync(Lease lease);
}

/// <summary>Passes messages to <see cref="ExperimentMachine"/> one at a time and carries out the effects.</summary>
/// <remarks>Reentrant, since a run may report its end while its start or stop is still in progress.</remarks>
[Reentrant]
public sealed class ExperimentGrain(
    [PersistentState("experiment", FencedFileStorage.ProviderName)] IPersistentState<ExperimentState> storage,
    IRunLauncher launcher,
    TimeProvider time,
    ILogger<ExperimentGrain> logger
) : Grain, IExperimentGrain
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Kept = TimeSpan.FromDays(7);
    private readonly HashSet<ExperimentEffect> _underway = [];
    private readonly SemaphoreSlim _poolTurn = new(1);
    private FencedState<ExperimentState> _state = null!;
    private IGrainTimer? _ticks;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new FencedState<ExperimentState>(storage, this);
        await _state.TakeOverAsync(state => state with { Term = state.Term + 1 });
        await HandleAsync(new ExperimentMessage.Tick());
    }

    public Task SubmitAsync(ExperimentSpec spec)
    {
        if (spec.Name != this.GetPrimaryKeyString())
        {
            throw new CoordinatorRefusedException($"Experiment {spec.Name} was sent to the grain of {this.GetPrimaryKeyString()}.");
        }

        return HandleAsync(new ExperimentMessage.Submit(spec));
    }

    public Task CancelAsync(string by) => HandleAsync(new ExperimentMessage.Cancel(by));

    public Task<ExperimentState> StateAsync() => Task.FromResult(_state.Value);

    public Task LeasesChangedAsync(Lease[] leases) =>
        HandleAsync(new ExperimentMessage.PoolAnswered([.. leases.Select(lease => new LeaseAnswer(lease.Attempt, lease, Waiting: null))]));

    public Task RunEndedAsync(TrialEnd end) => HandleAsync(new ExperimentMessage.Ended(end));

    public async Task<bool> ForgetAsync()
    {
        await _state.ClearAsync(state => time.GetUtcNow() - state.Settled >= Kept);
        return _state.Value.Spec is null;
    }

    private async Task HandleAsync(ExperimentMessage message)
    {
        var effects = await _state.TurnAsync(state =>
        {
            var result = ExperimentMachine.Handle(state, message, time.GetUtcNow());
            return (result.State, result.MustPersist, result.Effects);
        });
        KeepTicking();

        // Requests to the pool are sent together. An effect that is still in progress from an earlier turn is not started twice.
        foreach (var group in effects.Where(_underway.Add).ToLookup(effect => IsForPool(effect) ? (object)effect.GetType() : effect))
        {
            _ = CarryOutAsync([.. group]);
        }
    }

    /// <summary>
    /// Carries out effects outside of the turn and passes the result to the machine. A later tick repeats those that fail.
    /// </summary>
    private async Task CarryOutAsync(ExperimentEffect[] effects)
    {
        try
        {
            await HandleAsync(await DoAsync(effects));
        }
        catch (Exception error)
        {
            logger.LogWarning(
                error,
                "Experiment {Experiment} could not carry out {Effect} and will try again.",
                this.GetPrimaryKeyString(),
                effects[0]
            );
        }
    }

    private async Task<ExperimentMessage> DoAsync(ExperimentEffect[] effects)
    {
        var pool = GrainFactory.GetGrain<IPoolGrain>(_state.Value.Spec!.Pool);
        if (IsForPool(effects[0]))
        {
            // Concurrent calls may arrive in another order, and requests are served in the order of arrival.
            await _poolTurn.WaitAsync();
        }

        try
        {
            switch (effects[0])
            {
                case ExperimentEffect.Acquire:
                    return new ExperimentMessage.PoolAnswered(
                        await pool.AcquireAsync([.. effects.Cast<ExperimentEffect.Acquire>().Select(effect => effect.Request)])
                    );
                case ExperimentEffect.Release:
                    RunAttempt[] attempts = [.. effects.Cast<ExperimentEffect.Release>().Select(effect => effect.Attempt)];
                    await pool.ReleaseAsync(attempts);
                    return new ExperimentMessage.Released(attempts);
                case ExperimentEffect.Start start:
                    await launcher.StartAsync(start.Run);
                    return new ExperimentMessage.Started(start.Run.Attempt);
                case ExperimentEffect.Stop stop:
                    return new ExperimentMessage.Ended(await launcher.StopAsync(stop.Lease));
                default:
                    throw new ArgumentOutOfRangeException(nameof(effects), effects[0].GetType().Name, "Unknown effect.");
            }
        }
        finally
        {
            _underway.ExceptWith(effects);
            if (IsForPool(effects[0]))
            {
                _poolTurn.Release();
            }
        }
    }

    private static bool IsForPool(ExperimentEffect effect) => effect is ExperimentEffect.Acquire or ExperimentEffect.Release;

    /// <summary>Keeps the grain in memory while the experiment has something to do.</summary>
    private void KeepTicking()
    {
        if (_state.Value.IsSettled)
        {
            _ticks?.Dispose();
            _ticks = null;
        }
        else
        {
            _ticks ??= this.RegisterGrainTimer(
                () => HandleAsync(new ExperimentMessage.Tick()),
                new GrainTimerCreationOptions(TickPeriod, TickPeriod) { KeepAlive = true }
            );
        }
    }
}
