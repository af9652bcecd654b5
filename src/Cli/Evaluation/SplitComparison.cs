using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Comparison of two models' results on the same splits of a run file.</summary>
public static class SplitComparison
{
    /// <exception cref="DataPipeline.Corpus.CorpusException">The images of a split differ between the models.</exception>
    public static IReadOnlyList<Comparison> Of(IReadOnlyList<SplitFigures> first, IReadOnlyList<SplitFigures> second) =>
        [.. first.Zip(second).SelectMany(split => AnswersOf(split.First).Zip(AnswersOf(split.Second), Comparison.Of))];

    private static IReadOnlyList<Answers> AnswersOf(SplitFigures split) =>
        split.Figures switch
        {
            RetrievalResult result =>
            [
                new(split.Split, $"{split.Task} image_to_text", "r1", Class: null, [.. result.ImageToText.Ranks.Select(rank => rank < 1)]),
                new(split.Split, $"{split.Task} text_to_image", "r1", Class: null, [.. result.TextToImage.Ranks.Select(rank => rank < 1)]),
            ],
            Classification result =>
            [
                new(split.Split, split.Task, "top1", Class: null, [.. result.Predictions.Select(prediction => prediction.Before < 1)]),
            ],
            var other => throw new InvalidOperationException($"{other.GetType()} has no per-sample outcomes."),
        };
}
