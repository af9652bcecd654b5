using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Report;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Options;
using Serilog;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Evaluation of a model on a suite.</summary>
public static class SuiteEvaluation
{
    public const string ReportFile = "report.html";

    /// <param name="opened">The model.</param>
    /// <param name="name">Name of the model in reports.</param>
    /// <param name="suite">The suite.</param>
    /// <param name="scope">Parts of the suite to run.</param>
    /// <param name="log">Receives the progress.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A set cannot be evaluated.</exception>
    public static SuiteResult Run(OpenedModel opened, string name, SuiteOptions suite, SuiteScope scope, ILogger log)
    {
        var columns = Columns(opened.Run);
        SuiteRun.Check(suite, columns);
        using var torchThread = new TorchThread();
        return torchThread.Run(() =>
        {
            Threads.Set(Environment.ProcessorCount);
            using var model = new EvaluatedClip(opened, name);
            return new SuiteRun(model, suite, columns, new FeatureCache(suite.Cache), new SuiteProgress(log, TimeProvider.System)).Run(
                scope
            );
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
