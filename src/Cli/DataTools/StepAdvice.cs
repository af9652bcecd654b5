using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using Spectre.Console;

namespace ClipTrain.Cli.DataTools;

/// <summary>Reads measured steps: a table of phases, what bounds the step, and the change that would help most.</summary>
internal static class StepAdvice
{
    private const double MuchData = 0.1,
        MuchLoss = 0.25,
        MuchOptimizer = 0.2,
        MuchOther = 0.2,
        FasterByHalf = 1.5;

    /// <summary>A row for each phase with time, its share of the step, and for towers the rate against the machine's peak.</summary>
    public static Table Draw(StepBenchResult result, Precision precision)
    {
        var table = new Table().AddColumns("phase", "ms", "share", "GFLOP/s", "of peak");
        foreach (var (phase, seconds) in result.Phases.Where(phase => phase.Value > 0))
        {
            var rate = FlopsOf(result, phase) / seconds;
            table.AddRow(
                NameOf(phase),
                Milliseconds(seconds),
                Readable.Percent(seconds / result.Seconds),
                rate > 0 ? (rate / 1e9).ToString("F1", CultureInfo.InvariantCulture) : "",
                rate > 0 ? Readable.Percent(rate / result.Peaks[Measured(precision)]) : ""
            );
        }

        table.AddRow("everything else", Milliseconds(result.Other), Readable.Percent(result.Other / result.Seconds), "", "");
        table.AddRow("step", Milliseconds(result.Seconds), "100%", "", "");
        return table;
    }

    /// <summary>Model FLOPs utilisation: operations of both towers in a step's time, as a share of the measured peak.</summary>
    public static double Utilisation(StepBenchResult result, Precision precision) =>
        (result.ImageFlops + result.TextFlops) / result.Seconds / result.Peaks[Measured(precision)];

    /// <summary>The bound of the step, and the change that would help most with the gain to expect.</summary>
    public static string Of(StepBenchResult result, RunOptions options)
    {
        var (data, loss, optimizer) = (
            result.ShareOf(StepPhase.DataWait),
            result.ShareOf(StepPhase.Loss),
            result.ShareOf(StepPhase.Optimizer)
        );
        if (data >= MuchData)
        {
            return $"Bound by data: {Readable.Percent(data)} of the step waits for the loader. `cliptrain bench data` names the slow "
                + $"stage; without the wait a step is {Gain(data)} times as fast.";
        }

        if (optimizer >= MuchOptimizer)
        {
            return $"Bound by the optimizer: {Readable.Percent(optimizer)} of the step, whatever the batch. A larger "
                + $"training.global_batch, or more workers with training.shard_optimizer, spreads it: at most "
                + $"{Gain(optimizer)} times the pairs a second.";
        }

        if (loss >= MuchLoss)
        {
            return $"Bound by the loss: {Readable.Percent(loss)} of the step. It grows with the square of training.global_batch; more "
                + $"workers share it: at most {Gain(loss)} times as fast.";
        }

        var speedup = result.Peaks[Precision.Bf16] / result.Peaks[Precision.Fp32];
        if (options.Training.Precision == Precision.Fp32 && speedup >= FasterByHalf)
        {
            var towers = Towers.Sum(result.ShareOf);
            return $"Bound by the towers in fp32. Matrix products in bf16 are {Times(speedup)} times as fast here: with training.precision "
                + $"bf16 expect up to {Times(1 / (1 - towers + (towers / speedup)))} times as many pairs a second.";
        }

        var other = result.Other / result.Seconds;
        return other >= MuchOther
            ? $"Bound by overhead: {Readable.Percent(other)} of the step is in no phase. Batches of {result.Pairs} pairs are small; a "
                + $"larger training.global_batch gives at most {Gain(other)} times the pairs a second."
            : $"Bound by computing the towers, at {Readable.Percent(Utilisation(result, options.Training.Precision))} of the peak of this "
                + "machine's matrix products. More workers, a faster device or a smaller model are what is left.";
    }

    private static StepPhase[] Towers => [StepPhase.ImageForward, StepPhase.ImageBackward, StepPhase.TextForward, StepPhase.TextBackward];

    /// <summary>Backward takes two thirds of a tower's operations.</summary>
    private static double FlopsOf(StepBenchResult result, StepPhase phase) =>
        phase switch
        {
            StepPhase.ImageForward => result.ImageFlops / 3,
            StepPhase.ImageBackward => result.ImageFlops * 2 / 3,
            StepPhase.TextForward => result.TextFlops / 3,
            StepPhase.TextBackward => result.TextFlops * 2 / 3,
            _ => 0,
        };

    private static Precision Measured(Precision precision) => precision == Precision.Fp32 ? Precision.Fp32 : Precision.Bf16;

    private static string NameOf(StepPhase phase) =>
        phase switch
        {
            StepPhase.DataWait => "waiting for data",
            StepPhase.OtherRanks => "waiting for other ranks",
            StepPhase.Copy => "copies",
            StepPhase.TextForward => "text tower, forward",
            StepPhase.ImageForward => "image tower, forward",
            StepPhase.Gather => "gathering embeddings",
            StepPhase.Loss => "loss",
            StepPhase.ImageBackward => "image tower, backward",
            StepPhase.TextBackward => "text tower, backward",
            StepPhase.Reduction => "reducing gradients",
            _ => "optimizer",
        };

    private static string Milliseconds(double seconds) => (1000 * seconds).ToString("F1", CultureInfo.InvariantCulture);

    private static string Gain(double share) => Times(1 / (1 - share));

    private static string Times(double factor) => factor.ToString("F2", CultureInfo.InvariantCulture);
}
