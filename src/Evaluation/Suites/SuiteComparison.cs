using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Compares two models' results on a suite, by set and task, and by class.</summary>
public static class SuiteComparison
{
    /// <returns>The comparisons of whole sets, and by class.</returns>
    /// <exception cref="CorpusException">A set's images or classes differ between the models.</exception>
    public static (IReadOnlyList<Comparison> Sets, IReadOnlyList<Comparison> Classes) Of(SuiteResult first, SuiteResult second)
    {
        var (sets, classes) = (new List<Comparison>(), new List<Comparison>());
        foreach (var (a, b) in first.Sets.Zip(second.Sets))
        {
            if (!(a.ZeroShot?.Classes ?? []).SequenceEqual(b.ZeroShot?.Classes ?? [], StringComparer.Ordinal))
            {
                throw new CorpusException(
                    $"Evaluation set '{a.Set.Name}': the models were measured with different classes ({a.ZeroShot?.Classes.Count ?? 0} and "
                        + $"{b.ZeroShot?.Classes.Count ?? 0}); they can only be compared on the same classes."
                );
            }

            sets.AddRange(All(a).Zip(All(b), Comparison.Of));
            classes.AddRange(ByClass(a).Zip(ByClass(b), Comparison.Of));
        }

        return (sets, classes);
    }

    private static IEnumerable<Answers> All(SetResult set)
    {
        foreach (var (task, predictions) in set.Predictions)
        {
            yield return new Answers(set.Set.Name, task, "top1", Class: null, Right(predictions));
        }

        if (set.Retrieval is { } retrieval)
        {
            foreach (
                var (direction, recall) in new[]
                {
                    ("image_to_text", retrieval.Ranks.ImageToText),
                    ("text_to_image", retrieval.Ranks.TextToImage),
                }
            )
            {
                yield return new Answers(
                    set.Set.Name,
                    $"retrieval {direction}",
                    "r1",
                    Class: null,
                    [.. recall.Ranks.Select(rank => rank < 1)]
                );
            }
        }
    }

    private static IEnumerable<Answers> ByClass(SetResult set) =>
        set.ZeroShot is not { } zeroShot
            ? []
            : zeroShot
                .Predictions.GroupBy(prediction => prediction.Label)
                .OrderBy(own => own.Key)
                .Select(own => new Answers(set.Set.Name, "zero_shot", "top1", zeroShot.Classes[own.Key], Right(own)));

    private static IReadOnlyList<bool> Right(IEnumerable<Prediction> predictions) =>
        [.. predictions.Select(prediction => prediction.Before == 0)];
}
