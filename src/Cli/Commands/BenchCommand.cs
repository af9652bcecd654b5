using System.CommandLine;
using ClipTrain.Cli.DataTools;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain bench data CONFIG [--seconds S] [--metrics FILE] [--set KEY=VALUE]</c></summary>
public static class BenchCommand
{
    /// <summary>Images whose size is looked at for advice.</summary>
    private const int SizedImages = 500;

    public static Command Create() => new("bench", "Measure parts of training alone.") { Data() };

    private static Command Data()
    {
        var config = new Argument<string>("CONFIG") { Description = "The run file (YAML)." };
        var seconds = new Option<double>("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 10 };
        var metrics = new Option<string?>("--metrics") { Description = "A run's metrics.jsonl, to compare with what its step needs." };
        var sets = new Option<string[]>("--set")
        {
            Description = "Set a key of the configuration, as in data.threads=4.",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("data", "Run the data loader of one worker alone; say which stage is the bottleneck and what to change.")
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
            Console.WriteLine(Compare(result.ImagesPerSecond, wanted / workers));
        return ExitCodes.Ok;
    }

    private static string Compare(double loads, double needs) =>
        loads >= needs
            ? $"The step takes in {Readable.Number(needs)} a second and worker: the loader is {Readable.Number(loads / needs)} times as "
                + "fast, so data is not what training waits for."
            : $"The step could take in {Readable.Number(needs)} a second and worker: the loader gives {Readable.Percent(loads / needs)} "
                + "of that, so training waits for data.";

    /// <summary>Images a second over all workers.</summary>
    private static double Need(string metrics)
    {
        try
        {
            return StepNeed.ImagesPerSecond(MetricsFile.Read(metrics))
                ?? throw new UsageException($"{metrics} has no step yet; name the metrics of a run that has trained.");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--metrics {metrics} cannot be read: {e.Message}");
        }
    }

    private static TimeSpan Positive(double seconds) =>
        seconds is > 0 and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--seconds is {seconds}; give more than 0, up to a day");
}
