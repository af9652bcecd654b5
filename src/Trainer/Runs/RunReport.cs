using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Evaluation;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Telemetry;
using Serilog;
using Spectre.Console;

namespace ClipTrain.Trainer.Runs;

/// <summary>The end of a run: its newest checkpoint evaluated, summary.json written, and the summary printed from that.</summary>
public static class RunReport
{
    /// <summary>Returns the exit code.</summary>
    public static int EvaluateAndWrite(RunFiles files, RunOptions options, ILogger log)
    {
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        var step = checkpoints.Steps() is [.., var newest] ? newest : throw new CheckpointException($"{files.Checkpoints}: has no checkpoint to evaluate.");
        var state = checkpoints.Verify(step);
        using var torchThread = new TorchThread();
        var figures = torchThread.Run(() =>
        {
            torch.set_num_threads(Environment.ProcessorCount);
            using var model = new ClipModel(options.Model, Precision.Fp32, seed: null);
            using (var weights = new SafetensorsFile(Path.Combine(checkpoints.PathOf(step), CheckpointDirectory.ModelFile)))
                model.Parameters.LoadMaster(weights);
            return new RunEvaluation(model, RunPlan.Tokenizer(options), options, log).Run();
        });
        var summary = new RunSummary
        {
            Name = options.Name,
            Steps = state.Step,
            Samples = state.Samples,
            Seconds = state.TrainingSeconds,
            ImagesPerSecond = state.Samples / Math.Max(state.TrainingSeconds, 1e-9),
            FinalLoss = MetricsFile.Read(files.Metrics).LastOrDefault(metrics => metrics.Step <= state.Step)?.Loss ?? double.NaN,
        };
        foreach (var (split, result) in figures)
            summary.AddEvaluation(split, result);
        summary.Write(files.Summary);
        RunSummary.Render(AnsiConsole.Console, files.Summary);
        return ExitCodes.Ok;
    }
}
