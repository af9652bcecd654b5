using ClipTrain.Cli.Evaluation;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Interop;
using Serilog.Core;

namespace ClipTrain.Cli.Tests.Examples;

internal static class EvaluateExample
{
    /// <summary>Zero-shot classification of a labelled Parquet file: every figure with its 95% interval.</summary>
    public static IReadOnlyList<ResultRow> Evaluate(string model, string parquet)
    {
        using var opened = ModelFolder.Open(model);
        var set = new SetOptions
        {
            Name = "mine",
            Data = [parquet],
            Templates = ["a {} square", "{}"],
        };
        var suite = new SuiteOptions { Sets = [set], Cache = null };
        var result = SuiteEvaluation.Run(
            new SuiteModel(opened, model),
            suite,
            SuiteScope.Of(SetTask.ZeroShot),
            EncodingPlan.Alone,
            Logger.None
        );
        return result.Rows;
    }
}
