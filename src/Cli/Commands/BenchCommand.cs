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
        var shared = new BenchArguments(seconds: 10);
        var metrics = new Option<string?>("--metrics")
        {
            Description = "metrics.jsonl of a run; compares the loader with the rate that its steps need.",
        };
        var command = new Command("data", "Benchmark one worker's data loader; report the bottleneck and how to remove it.") { metrics };
        return shared.AddTo(
            command,
            (options, duration, parsed, cancellation) => Run(options, duration, parsed.GetValue(metrics), cancellation)
        );
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
}

/// <summary>Arguments shared by the benchmarks: a run file, changes to it, and the time to measure.</summary>
/// <param name="seconds">Default of --seconds.</param>
internal sealed class BenchArguments(double seconds)
{
    private readonly Argument<string> _config = new("CONFIG") { Description = "Run file (YAML)." };
    private readonly Option<double> _seconds = new("--seconds")
    {
        Description = "Measuring time in seconds.",
        DefaultValueFactory = _ => seconds,
    };
    private readonly Option<string[]> _sets = TrainCommand.SetOption();

    /// <summary>Adds the arguments to a command and lets it run a benchmark, which Ctrl-C ends.</summary>
    public Command AddTo(Command command, Func<RunOptions, TimeSpan, ParseResult, CancellationToken, int> run)
    {
        command.Add(_config);
        command.Add(_seconds);
        command.Add(_sets);
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "Nothing was measured.",
                cancellation =>
                    run(
                        RunConfig.Load(parsed.GetRequiredValue(_config), parsed.GetRequiredValue(_sets)).Options,
                        Positive(parsed.GetValue(_seconds)),
                        parsed,
                        cancellation
                    )
            )
        );
        return command;
    }

    private static TimeSpan Positive(double seconds) =>
        seconds is > 0 and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--seconds is {seconds}; it must be positive and at most 86400");
}
