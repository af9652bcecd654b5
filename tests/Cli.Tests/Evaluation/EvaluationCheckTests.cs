using ClipTrain.Cli.Evaluation;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Tests.Evaluation;

public sealed class EvaluationCheckTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [InlineData("seen retrieval image_to_text r5")]
    [InlineData("colours zero_shot mean_per_class")]
    public void A_figure_of_the_splits_can_choose_the_best_checkpoint(string figure) => EvaluationCheck.Check(Run(figure, suite: null));

    [Fact]
    public void A_figure_that_no_split_has_is_refused_with_those_that_there_are()
    {
        var error = Assert.Throws<UsageException>(() => EvaluationCheck.Check(Run("colours zero_shot top7", suite: null)));
        Assert.Contains("'colours zero_shot top7'", error.Message, StringComparison.Ordinal);
        Assert.Contains("colours zero_shot top1", error.Message, StringComparison.Ordinal);
        Assert.Contains("seen retrieval text_to_image r10", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void With_a_suite_the_figures_are_those_of_its_sets()
    {
        var suite = Suite("train.parquet");
        EvaluationCheck.Check(Run("mine zero_shot top1", suite));
        var error = Assert.Throws<UsageException>(() => EvaluationCheck.Check(Run("colours zero_shot top1", suite)));
        Assert.Contains("mine retrieval mean_recall_at_1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_suite_whose_set_is_missing_is_refused_before_training() =>
        Assert.Contains(
            "nowhere.parquet",
            Assert
                .Throws<DataPipeline.Corpus.CorpusException>(() =>
                    EvaluationCheck.Check(Run("mine zero_shot top1", Suite("nowhere.parquet")))
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void A_detector_of_duplicates_that_is_missing_is_refused_before_training()
    {
        var suite = Suite("train.parquet");
        File.AppendAllText(suite, $"\noverlaps: [{{ set: mine, corpus: [\"{_corpus.PathOf("train.parquet")}\"], model: nowhere/run }}]\n");
        var error = Assert.Throws<UsageException>(() => EvaluationCheck.Check(Run("mine zero_shot top1", suite)));
        Assert.StartsWith("overlaps.model: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("nowhere/run", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evaluation.best_figure=seen retrieval mean_recall_at_1", "evaluation.best_figure", "evaluation.every_steps")]
    [InlineData("evaluation={every_steps: 10}", "evaluation.every_steps", "nothing to evaluate")]
    public void Options_without_effect_are_refused(string option, string key, string reason)
    {
        var error = Assert.Throws<ConfigException>(() => RunConfig.Load(_corpus.PathOf(_corpus.RunFile), [option]));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private string Suite(string data)
    {
        var path = _corpus.PathOf("suite.yaml");
        File.WriteAllText(
            path,
            $$"""
            sets:
              - { name: mine, data: ["{{_corpus.PathOf(data)}}"], templates: ["a {} square"] }
            """
        );
        return path;
    }

    private RunOptions Run(string figure, string? suite)
    {
        var run = RunConfig
            .Load(_corpus.PathOf(_corpus.RunFile), ["evaluation.every_steps=10", $"evaluation.best_figure={figure}"])
            .Options;
        IReadOnlyList<string> data = [_corpus.PathOf("train.parquet")];
        return run with
        {
            Evaluation = run.Evaluation with
            {
                Suite = suite,
                Retrieval = [.. run.Evaluation.Retrieval.Select(split => split with { Data = data })],
                ZeroShot = [.. run.Evaluation.ZeroShot.Select(split => split with { Data = data })],
            },
        };
    }
}
