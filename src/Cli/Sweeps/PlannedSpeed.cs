using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Cli.Sweeps;

/// <summary>The speed of a sweep's trials: that of the finished ones, otherwise an estimate from this machine.</summary>
/// <param name="Speed">The speed; null if it is unknown.</param>
/// <param name="Basis">Where it comes from, as a sentence for the user.</param>
internal sealed record PlannedSpeed(TrialSpeed? Speed, string Basis)
{
    /// <summary>
    /// What training usually reaches of the rate of large matrix products. The median of the 24 small ViTs and ResNets in docs/results.md
    /// is 0.65.
    /// </summary>
    private const double UsualShare = 0.6;

    /// <summary>Seconds in which a trial starts, evaluates and ends: the least of the trials in docs/results.md, on a busy machine.</summary>
    private const double UsualOverhead = 15;

    /// <summary>Measures this machine for less than half a second if no trial has finished.</summary>
    public static PlannedSpeed Of(OpenedSweep opened)
    {
        var (sweep, trials) = (opened.Sweep, opened.Trials);
        if (TrialSpeed.OfFinished(sweep, opened.Folder, trials) is { } measured)
        {
            return new(measured, "Hours are at the mean speed of the finished trials.");
        }

        if (opened.OnGpus)
        {
            return new(null, "Hours are unknown until a trial has finished on a GPU.");
        }

        Threads.Set(1);
        var rates = trials
            .Select(trial => trial.Resolved.Precision)
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(
                precision => precision,
                precision => MachinePeak.Of(Enum.Parse<Precision>(precision, ignoreCase: true), torch.CPU),
                StringComparer.Ordinal
            );
        var products = string.Join(", ", rates.Select(rate => $"{Readable.Number(rate.Value / 1e9)} GFLOP/s in {rate.Key}"));
        return new(
            new TrialSpeed(trial => UsualShare * rates[trial.Resolved.Precision], trial => UsualOverhead * sweep.DevicesOf(trial)),
            $"Hours are an estimate until a trial has finished: training at {Readable.Percent(UsualShare)} of what a core of this machine "
                + $"reaches now in matrix products ({products}), and {UsualOverhead} s a trial to start and evaluate."
        );
    }
}
