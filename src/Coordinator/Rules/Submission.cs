using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Adds submitted trials to an experiment. Repeated submissions change nothing.</summary>
internal static class Submission
{
    /// <exception cref="CoordinatorRefusedException">The trials contradict themselves or the experiment, or it has ended.</exception>
    public static void Submit(ExperimentTurn turn, ExperimentSpec spec)
    {
        CheckItself(spec);
        var first = turn.State.Spec ?? spec with { Trials = [] };
        if (first.Name != spec.Name || first.Pool != spec.Pool || first.FailFast != spec.FailFast)
        {
            throw new CoordinatorRefusedException(
                $"Experiment {first.Name} was submitted with pool {first.Pool} and fail_fast {first.FailFast}, now as {spec.Name} with "
                    + $"{spec.Pool} and {spec.FailFast}: name another experiment."
            );
        }

        var added = new List<TrialState>();
        foreach (var trial in spec.Trials)
        {
            var run = $"{spec.Name}/{trial.Id}";
            if (turn.Find(run) is not { } known)
            {
                added.Add(new TrialState(trial, run));
            }
            else if (known.Spec != trial)
            {
                throw new CoordinatorRefusedException(
                    $"Trial {trial.Id} of experiment {spec.Name} was submitted before as {known.Spec}, now as {trial}: give the new one "
                        + "another id."
                );
            }
        }

        if (added.Count > 0 && turn.State.EndedBecause is { } why)
        {
            throw new CoordinatorRefusedException(
                $"Experiment {spec.Name} has ended ({why}) and takes no more trials: name another experiment."
            );
        }

        turn.Begin(first, added);
    }

    private static void CheckItself(ExperimentSpec spec)
    {
        if (
            string.IsNullOrWhiteSpace(spec.Name)
            || string.IsNullOrWhiteSpace(spec.Pool)
            || spec.Trials.Any(trial => string.IsNullOrWhiteSpace(trial.Id))
        )
        {
            throw new CoordinatorRefusedException("An experiment, its pool and each of its trials need a name.");
        }

        if (spec.Trials.GroupBy(trial => trial.Id, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new CoordinatorRefusedException($"Experiment {spec.Name} lists trial {twice.Key} twice: give each trial a unique id.");
        }

        if (spec.Trials.FirstOrDefault(trial => trial.Devices < 1 || trial.MaxAttempts < 1 || trial.MaxDeviceLosses < 0) is { } wrong)
        {
            throw new CoordinatorRefusedException(
                $"Trial {wrong.Id} of experiment {spec.Name} needs devices ≥ 1, attempts ≥ 1 and device losses ≥ 0, not "
                    + $"{wrong.Devices}, {wrong.MaxAttempts} and {wrong.MaxDeviceLosses}."
            );
        }

        if (spec.Trials.FirstOrDefault(trial => trial.DevicesPerWorker < 1 || trial.Devices % trial.DevicesPerWorker != 0) is { } uneven)
        {
            throw new CoordinatorRefusedException(
                $"Trial {uneven.Id} of experiment {spec.Name} has {uneven.Devices} devices, which are not a multiple of the "
                    + $"{uneven.DevicesPerWorker} of each worker."
            );
        }
    }
}
