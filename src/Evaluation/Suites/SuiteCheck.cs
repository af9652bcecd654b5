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

        CheckNames(suite);

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

    /// <summary>Results are told apart by set, task and metric.</summary>
    private static void CheckNames(SuiteOptions suite)
    {
        Unique(suite.Sets.Select(set => set.Name), name => $"Two sets are named '{name}'; give each a unique name.");
        Unique(
            suite.Robustness.Select(shift => shift.Name),
            name => $"robustness: two shifts are named '{name}'; give each a unique name."
        );
        Unique(
            suite.Overlaps.Select(overlap => (overlap.Set, overlap.Name)),
            search =>
                $"overlaps: two searches for the images of '{search.Set}' {(search.Name is { } name ? $"are named '{name}'" : "have no name")}"
                + "; give each a unique name, which its results carry."
        );
        Unique(
            suite.Audits.SelectMany(audit => audit.LabelSets.Select(labels => (audit.Set, labels.Name))),
            labels => $"audits: two label sets for '{labels.Set}' are named '{labels.Name}'; give each a unique name."
        );
        Unique(suite.Humans.Select(humans => humans.Set), set => $"humans: '{set}' is compared twice; keep one file for each set.");

        static void Unique<T>(IEnumerable<T> keys, Func<T, string> problem)
        {
            if (keys.GroupBy(key => key).FirstOrDefault(group => group.Count() > 1) is { } repeated)
            {
                throw new CorpusException(problem(repeated.Key));
            }
        }
    }

    /// <summary>
    /// The tasks of a set: those it names, or by default those that its files support. None if it is only searched for or audited.
    /// </summary>
    internal static IReadOnlyList<SetTask> Tasks(SuiteOptions suite, SetOptions set, IImageSet images)
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

        var needsNone = suite.Overlaps.Any(overlap => overlap.Set == set.Name) || suite.Audits.Any(audit => audit.Set == set.Name);
        return tasks.Count > 0 || needsNone
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
