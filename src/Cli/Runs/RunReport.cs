using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;
using Serilog;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>Final report of a run: evaluates its newest checkpoint, writes summary.json and prints it.</summary>
public static class RunReport
{
    /// <summary>Evaluates a run's newest intact checkpoint and writes its summary. Returns the exit code.</summary>
    /// <param name="files">The run's files.</param>
    /// <param name="options">The run's options.</param>
    /// <param name="log">Receives the skipped samples.</param>
    /// <param name="output">Folder for results.json and results.csv; null for none.</param>
    public static int EvaluateAndWrite(RunFiles files, RunOptions options, ILogger log, string? output = null)
    {
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        var state =
            checkpoints.NewestWhole(
                (damaged, reason) => log.Warning("The checkpoint of step {Step} is damaged and not evaluated: {Reason:l}", damaged, reason),
                Rollback.UndoneFrom(files) ?? long.MaxValue
            ) ?? throw new WeightsException($"{files.Checkpoints} has no checkpoint to evaluate.");
        using var torchThread = new TorchThread();
        var figures = torchThread.Run(() =>
        {
            Threads.Set(Environment.ProcessorCount);
            using var model = new ClipModel(options.Model, Precision.Fp32, seed: null, objective: options.Training.Objective);
            using (var weights = new SafetensorsFile(Path.Combine(checkpoints.PathOf(state.Step), CheckpointDirectory.ModelFile)))
            {
                ModelWeights.LoadInto(model.Parameters, weights);
            }

            return new RunEvaluation(model, RunPlan.Tokenizer(options), options, log).Run();
        });
        var summary = new RunSummary
        {
            Name = options.Name,
            Steps = state.Step,
            Samples = state.Samples,
            Seconds = state.TrainingSeconds,
            Joules = RunEnergy.Total(files),
            ImagesPerSecond = state.Samples / Math.Max(state.TrainingSeconds, 1e-9),
            FinalLoss = MetricsFile.LossAt(files.Metrics, state.Step),
        };
        foreach (var split in figures)
        {
            summary.AddEvaluation(split.Split, split.Figures);
        }

        try
        {
            summary.Write(files.Summary);
            RunSummary.Render(AnsiConsole.Console, files.Summary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The results are computed, so show them even though the file cannot be written.
            summary.Render(AnsiConsole.Console);
            log.Error("Cannot write the results above to {Summary:l}: {Reason:l}", files.Summary, error.Message);
            return ExitCodes.StorageFailed;
        }

        if (output is not null)
        {
            ResultFiles.Write(output, figures);
        }

        return ExitCodes.Ok;
    }

    /// <summary>Evaluates any model on the splits of a run's options and prints the results. Returns the exit code.</summary>
    /// <exception cref="UsageException">ClipTrain does not have the model's preprocessing of images or captions.</exception>
    /// <param name="opened">The model.</param>
    /// <param name="options">Options whose evaluation section names the splits.</param>
    /// <param name="log">Receives the skipped samples.</param>
    /// <param name="output">Folder for results.json and results.csv; null for none.</param>
    public static int Evaluate(OpenedModel opened, RunOptions options, ILogger log, string? output = null)
    {
        var figures = Measure(opened, options, log);
        var splits = new JsonObject(
            figures.Select(split => KeyValuePair.Create(split.Split, JsonSerializer.SerializeToNode(split.Figures, TelemetryJson.OneLine)))
        );
        foreach (var table in SummaryTables.Draw(new JsonObject { ["model"] = opened.Weights.Path, ["eval"] = splits }))
        {
            AnsiConsole.Write(table);
        }

        if (output is not null)
        {
            ResultFiles.Write(output, figures);
        }

        return ExitCodes.Ok;
    }

    /// <summary>Results of a model on the splits of a run's options.</summary>
    /// <exception cref="UsageException">ClipTrain does not have the model's preprocessing of images or captions, or there are
    /// no splits.</exception>
    public static IReadOnlyList<SplitFigures> Measure(OpenedModel opened, RunOptions options, ILogger log)
    {
        var tokenizer = opened.Tokenizer();
        if (options.Evaluation is { Retrieval.Count: 0, ZeroShot.Count: 0, Classification.Count: 0 })
        {
            throw new UsageException(
                "The run file has no evaluation splits: add some under evaluation.retrieval, evaluation.zero_shot or "
                    + "evaluation.classification."
            );
        }

        if (options.Evaluation.Classification.Count > 0 && opened.Objective != Objective.Classification)
        {
            throw new UsageException(
                $"{opened.Weights.Path}: has no classifier, which the splits under evaluation.classification need; only models trained "
                    + "with training.objective classification have one."
            );
        }

        var unfit = options.Evaluation switch
        {
            { Retrieval.Count: > 0 } when !opened.HasSharedSpace => "retrieval",
            { ZeroShot.Count: > 0 } when !opened.Objective.IsZeroShot() => "zero_shot",
            _ => null,
        };
        if (unfit is not null)
        {
            throw new UsageException(
                $"{opened.Weights.Path}: a model of training.objective {OptionSection.SnakeCase(opened.Objective.ToString())} cannot be "
                    + $"evaluated on the splits of evaluation.{unfit}; leave them out."
            );
        }

        RunEvaluation.CheckSplits(options);
        using var torchThread = new TorchThread();
        return torchThread.Run(() =>
        {
            Threads.Set(Environment.ProcessorCount);
            using var model = opened.Load();
            // For a GPU, images would be normalised on the device, which knows only CLIP's constants.
            var run = options with
            {
                Model = opened.Options,
                Cluster = options.Cluster with { Device = "cpu" },
                Training = options.Cluster.Device == "cpu" ? options.Training : options.Training with { Precision = Precision.Fp32 },
            };
            return new RunEvaluation(model, tokenizer, run, log) { Preprocess = opened.WithPreprocessing }.Run();
        });
    }
}
