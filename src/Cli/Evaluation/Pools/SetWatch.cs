using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.State;
using Serilog;

namespace ClipTrain.Cli.Evaluation.Pools;

/// <summary>Tells where a suite's sets are measured, and why they wait. Each process tells its own progress.</summary>
internal sealed class SetWatch(ILogger log)
{
    private readonly WaitingNotice _waiting = new(line => log.Information("{Line:l}", line));
    private Dictionary<string, TrialState> _seen = new(StringComparer.Ordinal);

    /// <summary>Tells what is new in a state, and returns the state.</summary>
    public ExperimentState Look(ExperimentState state)
    {
        foreach (var now in state.Trials)
        {
            var (set, was) = (now.Spec.Id, _seen.GetValueOrDefault(now.Run));
            if (now.Attempt > (was?.Attempt ?? 1))
            {
                log.Warning("{Set:l} returns to the queue: {Reason:l}", set, now.ReturnedBecause);
            }

            if (now is { IsStarted: true, Lease: { } lease } && was?.Lease?.Number != lease.Number)
            {
                log.Information("{Set:l} starts on {Devices:l}", set, lease.Describe());
            }

            if (now.Status == TrialStatus.Completed && was?.Status != TrialStatus.Completed)
            {
                log.Information("{Set:l} done", set);
            }
        }

        _waiting.Look(state);
        _seen = state.Trials.ToDictionary(trial => trial.Run, StringComparer.Ordinal);
        return state;
    }
}
