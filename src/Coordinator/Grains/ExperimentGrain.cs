using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Feeds <see cref="ExperimentMachine"/> one message at a time and carries out its effects.</summary>
/// <remarks>Reentrant, since a run may tell its end while its start or stop is still being waited for.</remarks>
[Reentrant]
public sealed class ExperimentGrain(
    [PersistentState("experiment")] IPersistentState<ExperimentState> storage,
    IRunLauncher launcher,
    TimeProvider time,
    ILogger<ExperimentGrain> logger
) : Grain, IExperimentGrain
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(5);
    private readonly HashSet<ExperimentEffect> _underway = [];
    private readonly SemaphoreSlim _poolTurn = new(1);
    private FencedState<ExperimentState> _state = null!;
    private IGrainTimer? _ticks;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new FencedState<ExperimentState>(storage, this);
        await _state.TakeOverAsync(state => state with { Epoch = state.Epoch + 1 });
        await HandleAsync(new ExperimentMessage.Tick());
    }

    public Task SubmitAsync(ExperimentSpec spec)
    {
        if (spec.Name != this.GetPrimaryKeyString())
        {
            throw new ArgumentException($"Experiment {spec.Name} was sent to the grain of {this.GetPrimaryKeyString()}.", nameof(spec));
        }

        return HandleAsync(new ExperimentMessage.Submit(spec));
    }

    public Task CancelAsync(string by) => HandleAsync(new ExperimentMessage.Cancel(by));

    public Task<ExperimentState> StateAsync() => Task.FromResult(_state.Value);

    public Task LeasesChangedAsync(Lease[] leases) =>
        HandleAsync(new ExperimentMessage.PoolAnswered([.. leases.Select(lease => new LeaseAnswer(lease.Attempt, lease, Waiting: null))]));

    public Task RunEndedAsync(TrialEnd end) => HandleAsync(new ExperimentMessage.Ended(end));

    private async Task HandleAsync(ExperimentMessage message)
    {
        var effects = await _state.TurnAsync(state =>
        {
            var result = ExperimentMachine.Handle(state, message, time.GetUtcNow());
            return (result.State, result.MustPersist, result.Effects);
        });
        KeepTicking();

        // Requests to the pool go together; whatever is still under way from an earlier turn is not done twice at once.
        foreach (var group in effects.Where(_underway.Add).ToLookup(effect => IsForPool(effect) ? (object)effect.GetType() : effect))
        {
            _ = CarryOutAsync([.. group]);
        }
    }

    /// <summary>
    /// Does what the machine asked for, outside of the turn, and tells the machine of it. A later tick repeats what fails.
    /// </summary>
    private async Task CarryOutAsync(ExperimentEffect[] effects)
    {
        try
        {
            await HandleAsync(await DoAsync(effects));
        }
        catch (Exception error)
        {
            logger.LogWarning(error, "Experiment {Experiment} could not {Effect}; it tries again.", this.GetPrimaryKeyString(), effects[0]);
        }
    }

    private async Task<ExperimentMessage> DoAsync(ExperimentEffect[] effects)
    {
        var pool = GrainFactory.GetGrain<IPoolGrain>(_state.Value.Spec!.Pool);
        if (IsForPool(effects[0]))
        {
            // Calls that are sent together may arrive in another order; requests are served in the order of their arrival.
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
                    return new ExperimentMessage.Ended(await launcher.StopAsync(stop.Attempt));
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

    /// <summary>An experiment with something to do keeps itself in memory; one without may leave it.</summary>
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
