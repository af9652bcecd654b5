using ClipTrain.Coordinator.State;
using ClipTrain.Experiments.Sweeps;
using Ended = ClipTrain.Experiments.Sweeps.TrialState;
using TrialState = ClipTrain.Coordinator.State.TrialState;

namespace ClipTrain.Cli.Sweeps;

/// <summary>The records of a sweep's trials with what a pool tells of them.</summary>
internal static class PoolRecords
{
    /// <summary>Records of all trials of a sweep, in order. Writes nothing.</summary>
    /// <param name="opened">The sweep.</param>
    /// <param name="state">Its newest experiment; null if the pool has none.</param>
    public static IReadOnlyList<TrialRecord> Of(OpenedSweep opened, ExperimentState? state)
    {
        var states = (state?.Trials ?? []).ToDictionary(trial => trial.Spec.Id, StringComparer.Ordinal);
        return
        [
            .. from trial in opened.Trials
            let was = opened.Folder.Read(trial.Id)
            select states.TryGetValue(trial.Id, out var now) ? After(was, trial, state!.Spec!.Name, now) : was,
        ];
    }

    /// <summary>The record of a trial after a state of it; the same object if it tells nothing new.</summary>
    /// <param name="was">The record before.</param>
    /// <param name="trial">The trial.</param>
    /// <param name="experiment">The experiment of the state.</param>
    /// <param name="now">The state.</param>
    public static TrialRecord After(TrialRecord was, Trial trial, string experiment, TrialState now)
    {
        if (was.IsSettled || now.Started is null)
        {
            return was;
        }

        var use = new PoolUse(experiment, now.Attempt, now.DeviceSeconds);
        var counted = was.Pool?.Experiment == experiment ? was.Pool : new PoolUse(experiment, 0, 0);
        var record = was with
        {
            State = now.Status switch
            {
                TrialStatus.Completed => Ended.Done,
                TrialStatus.Diverged => Ended.Diverged,
                TrialStatus.Failed => Ended.Failed,
                _ => Ended.Begun,
            },
            Attempts = was.Attempts + (use.Attempts - counted.Attempts),
            CoreSeconds = was.CoreSeconds + (use.CoreSeconds - counted.CoreSeconds),
            Pool = use,
            Started = was.Started ?? now.Started,
            Ended = now.Ended,
            Reason = now.Status is TrialStatus.Diverged or TrialStatus.Failed ? now.Text : null,
        };
        return record == was
            ? was
            : record with
            {
                Labels = trial.Labels.ToDictionary(StringComparer.Ordinal),
                Figures = now.Figures ?? was.Figures,
            };
    }
}
