namespace ClipTrain.Experiments.Sweeps;

/// <summary>Total cost of trials.</summary>
/// <param name="Trials">Number of trials.</param>
/// <param name="Samples">Samples seen.</param>
/// <param name="Flops">Floating-point operations of training.</param>
/// <param name="DeviceSeconds">Core or GPU seconds; null if the speed or the length of a trial is unknown.</param>
/// <param name="DiskBytes">Most that their checkpoints take at a time, in bytes.</param>
public sealed record SweepCost(int Trials, double Samples, double Flops, double? DeviceSeconds, double DiskBytes)
{
    /// <summary>The cost of some trials at a speed; null if it is unknown.</summary>
    public static SweepCost Of(IReadOnlyList<Trial> trials, TrialSpeed? speed) =>
        new(
            trials.Count,
            trials.Sum(trial => (double)(trial.Resolved.Samples ?? 0)),
            trials.Sum(trial => trial.Resolved.Flops ?? 0),
            trials.Aggregate((double?)0, (sum, trial) => sum + speed?.SecondsOf(trial)),
            trials.Sum(trial => (double)trial.Resolved.DiskBytes)
        );
}
