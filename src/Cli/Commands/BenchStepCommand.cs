using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.DataTools;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain bench step CONFIG [--seconds S] [--set KEY=VALUE]</c></summary>
internal static class BenchStepCommand
{
    public static Command Create() =>
        new BenchArguments(seconds: 20).AddTo(
            new Command("step", "Benchmark one worker's training step, phase by phase; report what bounds it."),
            (options, duration, _, cancellation) => Run(options, duration, cancellation)
        );

    private static int Run(RunOptions options, TimeSpan duration, CancellationToken cancellation)
    {
        var manifest = RunCorpus.Select(options);
        var cores = RunPlan.CoresOfLocalWorker(options.Cluster);
        using var torchThread = new TorchThread();
        var result = torchThread.Run(() => new StepBench(options, manifest, cores).Run(duration, cancellation));
        var precision = options.Training.Precision;
        AnsiConsole.Write(StepAdvice.Draw(result, precision));
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"One of {options.Cluster.Workers} workers, {result.Steps} steps of {result.Pairs} pairs: "
                    + $"{result.Pairs / result.Seconds:F0} pairs a second, {100 * StepAdvice.Utilisation(result, precision):F0}% of the "
                    + $"machine's peak (MFU). Peaks of matrix products: fp32 {result.Peaks[Precision.Fp32] / 1e9:F0} GFLOP/s, bf16 "
                    + $"{result.Peaks[Precision.Bf16] / 1e9:F0}."
            )
        );
        Console.WriteLine(StepAdvice.Of(result, options));
        return ExitCodes.Ok;
    }
}
