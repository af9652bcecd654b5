namespace ClipTrain.Experiments.Sweeps;

/// <summary>How fast trials run.</summary>
/// <param name="FlopsPerSecond">Floating-point operations of training that a core or GPU of a trial does in a second.</param>
/// <param name="Overhead">Device seconds of a trial in which it does not train: it starts, evaluates and writes its results.</param>
public sealed record TrialSpeed(Func<Trial, double> FlopsPerSecond, Func<Trial, double> Overhead)
{
    /// <summary>The figure of a trial's training time in seconds.</summary>
    private const string Training = "seconds";

    /// <summary>Device seconds of a trial; null if its length is unknown.</summary>
    public double? SecondsOf(Trial trial) => (trial.Resolved.Flops / FlopsPerSecond(trial)) + Overhead(trial);

    /// <summary>The mean speed of the finished trials of a sweep; null if there are none.</summary>
    public static TrialSpeed? OfFinished(Sweep sweep, SweepFolder folder, IEnumerable<Trial> trials)
    {
        var finished = (
            from trial in trials
            let record = folder.Read(trial.Id)
            where record is { State: TrialState.Done, CoreSeconds: > 0 } && trial.Resolved.Flops is not null
            let training = record.Figures.GetValueOrDefault(Training, double.NaN) * sweep.DevicesOf(trial)
            // Trials of a pool may have been measured on faster machines than the one that timed them.
            select (
                Flops: trial.Resolved.Flops!.Value,
                record.CoreSeconds,
                Training: training <= record.CoreSeconds ? training : record.CoreSeconds
            )
        ).ToList();
        if (finished.Count == 0)
        {
            return null;
        }

        var (rate, overhead) = (
            finished.Sum(trial => trial.Flops) / finished.Sum(trial => trial.Training),
            finished.Average(trial => trial.CoreSeconds - trial.Training)
        );
        return new TrialSpeed(_ => rate, _ => overhead);
    }
}
