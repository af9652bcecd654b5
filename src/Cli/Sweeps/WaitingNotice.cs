using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Tells why no trial of an experiment runs, each reason once.</summary>
internal sealed class WaitingNotice(Action<string> tell)
{
    private string? _told;

    public void Look(ExperimentState? state)
    {
        // Until the pool has answered, a trial that has returned to the queue says why it has, which is told elsewhere.
        var waiting = state?.Trials.FirstOrDefault(trial => trial.Status == TrialStatus.Queued && trial.Text != trial.ReturnedBecause);
        var text = state?.Trials.Any(trial => trial.IsStarted) == true ? null : waiting?.Text;
        if (text is not null && text != _told)
        {
            tell($"{waiting!.Spec.Id} {text}");
        }

        _told = text;
    }
}
