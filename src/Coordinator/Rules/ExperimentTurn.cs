using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The state and effects of an experiment during a turn.</summary>
internal sealed class ExperimentTurn(ExperimentState state, DateTimeOffset now)
{
    private readonly List<TrialState> _trials = [.. state.Trials];
    private readonly Dictionary<string, int> _places = state
        .Trials.Select((trial, place) => (trial.Run, place))
        .ToDictionary(pair => pair.Run, pair => pair.place, StringComparer.Ordinal);
    private readonly List<ExperimentEffect> _effects = [];
    private readonly HashSet<string> _touched = new(StringComparer.Ordinal);
    private bool _changed;
    private bool _repeats;

    public ExperimentState State { get; private set; } = state;

    public DateTimeOffset Now { get; } = now;

    public IReadOnlyList<TrialState> Trials => _trials;

    public TrialState? Find(string run) => _places.TryGetValue(run, out var place) ? _trials[place] : null;

    /// <summary>The trial that is in this attempt; null if it is unknown or in another attempt.</summary>
    public TrialState? Find(RunAttempt attempt) => Find(attempt.Run) is { } trial && trial.Attempt == attempt.Number ? trial : null;

    public void Begin(ExperimentSpec spec, IEnumerable<TrialState> added)
    {
        _changed |= State.Spec is null;
        State = State with { Spec = spec };
        foreach (var trial in added)
        {
            _places.Add(trial.Run, _trials.Count);
            _trials.Add(trial);
            Change(trial);
        }
    }

    /// <summary>Notes the reason for the end. The first reason stands.</summary>
    public void End(string why)
    {
        _changed |= State.EndedBecause is null;
        State = State with { EndedBecause = State.EndedBecause ?? why };
    }

    /// <summary>Makes a change that must be stored and may require an effect.</summary>
    public void Change(TrialState next)
    {
        Refresh(next);
        _touched.Add(next.Run);
        _changed = true;
    }

    /// <summary>Makes a change that need not be stored.</summary>
    public void Refresh(TrialState next) =>
        _trials[_places[next.Run]] = next with
        {
            Started = next.IsStarted ? next.Started ?? Now : next.Started,
            Ended = next.IsOver ? next.Ended ?? Now : null,
        };

    public void Do(ExperimentEffect effect) => _effects.Add(effect);

    /// <summary>Repeats the pending effects of all trials.</summary>
    public void RepeatAll() => _repeats = true;

    public ExperimentResult Finish()
    {
        foreach (var trial in _trials.Where(trial => _repeats || _touched.Contains(trial.Run)))
        {
            if (Next(trial) is { } effect)
            {
                Do(effect);
            }
        }

        return new ExperimentResult(State with { Trials = _trials }, _changed, _effects);
    }

    /// <summary>The pending effect for a trial in its current state.</summary>
    private ExperimentEffect? Next(TrialState trial)
    {
        var attempt = new RunAttempt(trial.Run, trial.Attempt);
        var request = new LeaseRequest(attempt, State.Spec!.Name, trial.Spec.Devices) { DevicesPerWorker = trial.Spec.DevicesPerWorker };
        return trial switch
        {
            { Status: TrialStatus.Queued } => trial.NotBefore > Now ? null : new ExperimentEffect.Acquire(request),
            { IsStarted: true, StopsTo: not null } => new ExperimentEffect.Stop(trial.Lease!),
            { Status: TrialStatus.Starting } => new ExperimentEffect.Start(
                new TrialStart(attempt, request.Experiment, trial.Spec, trial.Lease!)
            ),
            { IsOver: true, HasClaim: true } => new ExperimentEffect.Release(attempt),
            _ => null,
        };
    }
}
