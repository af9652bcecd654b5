using System.CommandLine;
using ClipTrain.Cli.DataTools;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain bench data CONFIG [--seconds S] [--metrics FILE] [--set KEY=VALUE]</c></summary>
public static class BenchCommand
{
    /// <summary>Number of images sampled to estimate image sizes for the advice.</summary>
    private const int SizedImages = 500;

    public static Command Create() => new("bench", "Benchmark parts of training in isolation.") { Data(), BenchStepCommand.Create() };

    private static Command Data()
    {
        var config = new Argument<string>("CONFIG") { Description = "Run file (YAML)." };
        var seconds = new Option<double>("--seconds") { Description = "Measuring time in seconds.", DefaultValueFactory = _ => 10 };
        var metrics = new Option<string?>("--metrics")
        {
            Description = "metrics.jsonl of a run; compares the loader with the rate that its steps need.",
        };
        var sets = new Option<string[]>("--set")
        {
            Description = "Override a key of the run file, e.g. data.threads=4. Repeatable.",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("data", "Benchmark one worker's data loader; report the bottleneck and how to remove it.")
        {
            config,
            seconds,
            metrics,
            sets,
        };
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "Nothing was measured.",
                cancellation =>
                    Run(
                        RunConfig.Load(parsed.GetRequiredValue(config), parsed.GetRequiredValue(sets)).Options,
                        Positive(parsed.GetValue(seconds)),
                        parsed.GetValue(metrics),
                        cancellation
                    )
            )
        );
        return command;
    }

    private static int Run(RunOptions options, TimeSpan duration, string? metrics, CancellationToken cancellation)
    {
        double? need = metrics is null ? null : Need(metrics);
        var manifest = RunCorpus.Select(options);
        var (workers, cores) = (options.Cluster.Workers, RunPlan.CoresOfLocalWorker(options.Cluster));
        LoaderBenchResult result;
        using (
            var loader = RunPlan.OpenLoader(options, manifest, new LoaderShare(0, workers, cores, FirstStep: 0, LastStep: long.MaxValue))
        )
        {
            result = ImportView.Show(
                "loading",
                show =>
                    new LoaderBench(duration / 5, duration, TimeProvider.System).Run(
                        loader,
                        (images, share) => show(new ImportFigures(images, 0, share)),
                        cancellation
                    )
            );
        }

        var sizes = CorpusStatistics
            .Of(manifest, RowChoice.Sample(manifest, SizedImages, options.Seed), RunPlan.Tokenizer(options), _ => { }, cancellation)
            .ShortSide;
        AnsiConsole.Write(BenchTables.Draw(result));
        Console.WriteLine(
            $"One of {workers} worker{(workers == 1 ? "" : "s")} loads {Readable.Number(result.ImagesPerSecond)} images a second in "
                + $"batches of {Readable.Number((double)result.Images / result.Batches)}."
        );
        Console.WriteLine(
            LoaderBottleneck
                .Of(result)
                .Advice(
                    new LoaderSetting(
                        result.Figures.Threads,
                        cores,
                        options.Data.Prefetch,
                        manifest.Files.Max(file => file.RowGroups.DefaultIfEmpty().Max()),
                        sizes.Quantile(0.5),
                        options.Model.Image.Size,
                        options.Data.Jpeg
                    )
                )
        );
        if (need is { } wanted)
        {
            Console.WriteLine(Compare(result.ImagesPerSecond, wanted / workers));
        }

        return ExitCodes.Ok;
    }

    private static string Compare(double loads, double needs) =>
        loads >= needs
            ? $"Training needs {Readable.Number(needs)} images a second per worker. The loader is "
                + $"{Readable.Number(loads / needs)} times as fast, so data loading is not the bottleneck."
            : $"Training could use {Readable.Number(needs)} images a second per worker. The loader delivers "
                + $"{Readable.Percent(loads / needs)} of that, so training waits for data.";

    /// <summary>Rate that a run's steps could consume, in images a second over all workers.</summary>
    private static double Need(string metrics)
    {
        try
        {
            return StepNeed.ImagesPerSecond(MetricsFile.Read(metrics))
                ?? throw new UsageException($"{metrics} has no steps; give the metrics.jsonl of a run that has trained.");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--metrics {metrics} cannot be read: {e.Message}");
        }
    }

    internal static TimeSpan Positive(double seconds) =>
        seconds is > 0 and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--seconds is {seconds}; it must be positive and at most 86400");
}
