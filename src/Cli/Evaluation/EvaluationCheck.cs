using ClipTrain.Cli.Config;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Checks a run's evaluation before the run trains.</summary>
public static class EvaluationCheck
{
    /// <summary>Opens every split and, if checkpoints are evaluated on it, the suite; looks up the figure of the best checkpoint.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A split or set is missing or invalid.</exception>
    /// <exception cref="ConfigException">The suite file is invalid.</exception>
    /// <exception cref="UsageException">No evaluation yields the figure, or a model that overlaps.model names cannot be used.</exception>
    public static void Check(RunOptions run)
    {
        RunEvaluation.CheckSplits(run);
        if (run.Evaluation.EverySteps == 0)
        {
            return;
        }

        var suite = run.Evaluation.Suite is { } file ? Checked(file, run) : null;
        if (run.Evaluation.BestFigure is not { } best)
        {
            return;
        }

        var figures = suite is null
            ? [.. OfSplits(run.Evaluation).Select(row => row.Name)]
            : FigureNames.Of(suite, SuiteEvaluation.Columns(run));
        if (!figures.Contains(best, StringComparer.Ordinal))
        {
            throw new UsageException(
                $"evaluation.best_figure is '{best}', which {run.Evaluation.Suite ?? "the run file's splits"} will not measure; give one "
                    + $"of: {string.Join(", ", figures)}."
            );
        }
    }

    private static SuiteOptions Checked(string file, RunOptions run)
    {
        var suite = SuiteConfig.Load(file);
        SuiteRun.Check(suite, SuiteEvaluation.Columns(run));
        using var detectors = new DuplicateDetectors(suite);
        return suite;
    }

    /// <summary>The figures that the splits will yield, read off results of one image.</summary>
    public static IEnumerable<ResultRow> OfSplits(EvaluationOptions evaluation)
    {
        var recall = Recall.FromRanks([0]);
        var retrieval = new RetrievalResult(recall, recall, Images: 1, Concepts: 1).With(new HeldOutLoss(0, Interval: null));
        var classification = Classification.Of([new Prediction(0, 0, 0, 1)], classes: 1);
        return evaluation
            .Retrieval.Select(split => new SplitFigures(split.Name, "retrieval", retrieval))
            .Concat(evaluation.ZeroShot.Select(split => new SplitFigures(split.Name, "zero_shot", classification)))
            .Concat(evaluation.Classification.Select(split => new SplitFigures(split.Name, "classification", classification)))
            .SelectMany(ResultFiles.Rows);
    }
}
