using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Report;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Options;
using Serilog;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>A model to evaluate on suites.</summary>
/// <param name="Opened">The model.</param>
/// <param name="Path">The path from which it was opened.</param>
/// <param name="Architecture">Architecture of a bare weights file.</param>
public sealed record SuiteModel(OpenedModel Opened, string Path, string? Architecture = null)
{
    /// <summary>Name in reports.</summary>
    public string Name => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path));
}

/// <summary>Evaluation of a model on a suite.</summary>
public static class SuiteEvaluation
{
    public const string ReportFile = "report.html";

    /// <param name="model">The model.</param>
    /// <param name="suite">The suite.</param>
    /// <param name="scope">Parts of the suite to run.</param>
    /// <param name="plan">Where sets are measured, and their images and texts embedded.</param>
    /// <param name="log">Receives the progress.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A set cannot be evaluated.</exception>
    /// <exception cref="Trainer.Config.UsageException">A model that overlaps.model names cannot be used.</exception>
    /// <exception cref="EncodingWorkerException">A worker has failed.</exception>
    /// <exception cref="SuiteStoppedException">A signal has ended the evaluation.</exception>
    public static SuiteResult Run(SuiteModel model, SuiteOptions suite, SuiteScope scope, EncodingPlan plan, ILogger log)
    {
        var columns = Columns(model.Opened.Run);
        SuiteRun.Check(suite, columns);
        using var detectors = new DuplicateDetectors(scope.Overlap ? suite : suite with { Overlaps = [] });
        var elsewhere = plan.Sets?.Measure(model, suite, scope, log);
        using var torchThread = new TorchThread();
        return torchThread.Run(() =>
        {
            Threads.Set(Environment.ProcessorCount);
            var alone = plan.Workers == 1;
            var device = alone ? ComputeDevice.Open(plan.DeviceOf(0)) : CPU;
            using var clip = new EvaluatedClip(model.Opened, model.Name, device);
            using var workers = alone ? null : new EncodingProcesses(plan, model);
            var run = new SuiteRun(
                workers is null ? clip : new PooledModel(clip, workers.Pool),
                suite,
                columns,
                new FeatureCache(suite.Cache),
                new SuiteProgress(log, TimeProvider.System)
            )
            {
                Detectors = detectors.Load(device),
            };
            return elsewhere is null ? run.Run(scope) : run.Combine(elsewhere, scope);
        });
    }

    /// <summary>Writes results.json, results.csv and report.html.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, SuiteResult result)
    {
        ResultList.Write(folder, result.Rows);
        ReportPage.Write(Path.Combine(folder, ReportFile), result);
    }

    /// <summary>Columns of the model's run, for sets that name none.</summary>
    internal static DefaultColumns Columns(RunOptions? run) => new(run?.Data.ImageColumn, run?.Data.CaptionColumn?.FirstOrDefault());
}
