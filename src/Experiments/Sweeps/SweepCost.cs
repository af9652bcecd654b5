namespace ClipTrain.Experiments.Sweeps;

/// <summary>Total cost of trials.</summary>
/// <param name="Trials">Number of trials.</param>
/// <param name="Samples">Samples seen.</param>
/// <param name="Flops">Floating-point operations of training.</param>
/// <param name="CoreSeconds">Core seconds, estimated from finished trials; null if there are none.</param>
/// <param name="DiskBytes">Size of the checkpoints, in bytes.</param>
public sealed record SweepCost(int Trials, double Samples, double Flops, double? CoreSeconds, double DiskBytes)
{
    /// <summary>The cost of some trials of a sweep.</summary>
    public static SweepCost Of(SweepFolder folder, IReadOnlyList<Trial> all, IReadOnlyList<Trial> some)
    {
        var done = all.Select(trial => (trial.Resolved.Flops, folder.Read(trial.Id).CoreSeconds, folder.Read(trial.Id).State))
            .Where(trial => trial is { State: TrialState.Done, Flops: not null, CoreSeconds: > 0 })
            .ToList();
        double? secondsPerFlop = done.Count == 0 ? null : done.Sum(trial => trial.CoreSeconds) / done.Sum(trial => trial.Flops!.Value);
        var flops = some.Sum(trial => trial.Resolved.Flops ?? 0);
        return new SweepCost(
            some.Count,
            some.Sum(trial => (double)(trial.Resolved.Samples ?? 0)),
            flops,
            flops * secondsPerFlop,
            some.Sum(trial => (double)trial.Resolved.DiskBytes)
        );
    }
}
