using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Checks a suite beyond its types.</summary>
public static class SuiteCheck
{
    /// <exception cref="CorpusException">A name is unknown or duplicated, or a number is out of range.</exception>
    public static void Check(SuiteOptions suite)
    {
        if (suite.Sets.Count == 0)
        {
            throw new CorpusException("The suite has no sets: add some under sets, each with name and data.");
        }

        if (suite.Sets.Any(set => string.IsNullOrWhiteSpace(set.Name)))
        {
            throw new CorpusException("A set has no name: give each one, as its figures are named after it.");
        }

        if (suite.Batch < 1)
        {
            throw new CorpusException($"batch is {suite.Batch}; it must be 1 or more.");
        }

        if (suite.Sets.GroupBy(set => set.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new CorpusException($"Two sets are named '{twice.Key}'; give each a unique name.");
        }

        foreach (var (set, task) in suite.Sets.SelectMany(set => set.Tasks.Select(task => (set, task))))
        {
            TaskOf(set, task);
        }

        if (suite.FewShot.Seeds < 2 || suite.FewShot.Shots.Count == 0 || suite.FewShot.Shots.Any(shots => shots < 1))
        {
            throw new CorpusException("few_shot needs two seeds or more, and shots of 1 or more.");
        }

        foreach (var overlap in suite.Overlaps)
        {
            if (overlap.Problem() is { } problem)
            {
                throw SetError.Of(overlap.Set, problem);
            }
        }

        foreach (
            var name in suite
                .Robustness.SelectMany(shift => new[] { shift.Reference, shift.Shifted })
                .Concat(suite.Audits.Select(audit => audit.Set))
                .Concat(suite.Overlaps.Select(overlap => overlap.Set))
                .Concat(suite.Humans.Select(human => human.Set))
        )
        {
            if (suite.Sets.All(set => set.Name != name))
            {
                throw new CorpusException(
                    $"robustness, audits, overlaps or humans refer to the set '{name}', which is not one of the suite's: "
                        + $"{string.Join(", ", suite.Sets.Select(set => set.Name))}."
                );
            }
        }
    }

    /// <summary>The tasks of a set: those it names, or by default those that its files support.</summary>
    internal static IReadOnlyList<SetTask> Tasks(SetOptions set, IImageSet images)
    {
        if (set.Tasks.Count > 0)
        {
            return [.. set.Tasks.Select(task => TaskOf(set, task))];
        }

        var tasks = new List<SetTask>();
        if (images.HasLabels)
        {
            tasks.Add(SetTask.ZeroShot);
        }

        if (images.HasCaptions)
        {
            tasks.Add(SetTask.Retrieval);
        }

        if (set.Train.Count > 0)
        {
            tasks.AddRange([SetTask.Probe, SetTask.FewShot, SetTask.Knn]);
        }

        return tasks.Count > 0
            ? tasks
            : throw SetError.Of(set.Name, $"it has neither a column '{set.LabelColumn}' nor captions. Set label_column or caption_column.");
    }

    private static SetTask TaskOf(SetOptions set, string task) =>
        task switch
        {
            "zero_shot" => SetTask.ZeroShot,
            "retrieval" => SetTask.Retrieval,
            "probe" => SetTask.Probe,
            "few_shot" => SetTask.FewShot,
            "knn" => SetTask.Knn,
            _ => throw SetError.Of(set.Name, $"tasks contains '{task}'; it can contain zero_shot, retrieval, probe, few_shot and knn."),
        };
}
