using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Tells why no trial of an experiment runs, each reason once.</summary>
internal sealed class WaitingNotice(Action<string> tell)
{
    private string? _told;

    public void Look(ExperimentState? state)
    {
        var waiting = state?.Trials.FirstOrDefault(trial => trial.Status == TrialStatus.Queued && trial.Attempt == 1);
        var text = state?.Trials.Any(trial => trial.IsStarted) == true ? null : waiting?.Text;
        if (text is not null && text != _told)
        {
            tell($"{waiting!.Spec.Id} {text}");
        }

        _told = text;
    }
}
