using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;

namespace ClipTrain.Evaluation.Suites;

/// <summary>An error in a suite and the key where it occurs, such as <c>sets.0.name</c>.</summary>
public readonly record struct SuiteProblem(string Key, string Message);

/// <summary>Checks a suite beyond its types.</summary>
public static class SuiteCheck
{
    private static readonly string[] s_tasks = ["zero_shot", "retrieval", "probe", "few_shot", "knn"];

    /// <summary>Every error that shows without opening a set.</summary>
    public static IEnumerable<SuiteProblem> Problems(SuiteOptions suite) =>
        [.. General(suite), .. suite.Sets.SelectMany(OfSet), .. Names(suite), .. References(suite), .. suite.Overlaps.SelectMany(OfSearch)];

    private static IEnumerable<SuiteProblem> General(SuiteOptions suite)
    {
        if (suite.Sets.Count == 0)
        {
            yield return new("sets", "The suite has no sets: add some under sets, each with name and data.");
        }

        if (suite.Batch < 1)
        {
            yield return new("batch", $"batch is {suite.Batch}; it must be 1 or more.");
        }

        if (suite.FewShot.Seeds < 2 || suite.FewShot.Shots.Count == 0 || suite.FewShot.Shots.Any(shots => shots < 1))
        {
            yield return new("few_shot", "few_shot needs two seeds or more, and shots of 1 or more.");
        }

        foreach (var (i, shift) in suite.Robustness.Index())
        {
            if (shift.Slope is null != shift.Intercept is null)
            {
                yield return new($"robustness.{i}", $"Robustness '{shift.Name}': a published line needs both slope and intercept.");
            }
        }
    }

    private static IEnumerable<SuiteProblem> OfSet(SetOptions set, int i)
    {
        if (string.IsNullOrWhiteSpace(set.Name))
        {
            yield return new($"sets.{i}.name", "A set has no name: give each one, as its figures are named after it.");
        }

        if (set.Data.Count == 0)
        {
            yield return new($"sets.{i}.data", SetError.Words(set.Name, "data is empty; name its images."));
        }

        foreach (var (j, task) in set.Tasks.Index())
        {
            if (!s_tasks.Contains(task, StringComparer.Ordinal))
            {
                yield return new(
                    $"sets.{i}.tasks.{j}",
                    SetError.Words(set.Name, $"tasks contains '{task}'; it can contain zero_shot, retrieval, probe, few_shot and knn.")
                );
            }
            else if (set.Train.Count == 0 && TaskOf(task) is SetTask.Probe or SetTask.FewShot or SetTask.Knn)
            {
                yield return new($"sets.{i}.tasks.{j}", SetError.Words(set.Name, $"{task} needs training images; set train."));
            }
        }

        foreach (var (j, template) in set.Templates.Index())
        {
            if (!Prompts.HasPlace(template))
            {
                yield return new($"sets.{i}.templates.{j}", SetError.Words(set.Name, Prompts.NoPlace(template)));
            }
        }
    }

    /// <summary>Results are told apart by set, task and metric.</summary>
    private static IEnumerable<SuiteProblem> Names(SuiteOptions suite) =>
        [
            .. Repeated("sets", suite.Sets.Select(set => set.Name), name => $"Two sets are named '{name}'; give each a unique name."),
            .. Repeated(
                "robustness",
                suite.Robustness.Select(shift => shift.Name),
                name => $"robustness: two shifts are named '{name}'; give each a unique name."
            ),
            .. Repeated(
                "overlaps",
                suite.Overlaps.Select(overlap => (overlap.Set, overlap.Name)),
                search =>
                    $"overlaps: two searches for the images of '{search.Set}' "
                    + $"{(search.Name is { } name ? $"are named '{name}'" : "have no name")}; give each a unique name, which its results carry."
            ),
            .. Repeated(
                "audits",
                suite.Audits.SelectMany(audit => audit.LabelSets.Select(labels => (audit.Set, labels.Name))),
                labels => $"audits: two label sets for '{labels.Set}' are named '{labels.Name}'; give each a unique name."
            ),
            .. Repeated(
                "humans",
                suite.Humans.Select(humans => humans.Set),
                set => $"humans: '{set}' is compared twice; keep one file for each set."
            ),
        ];

    private static IEnumerable<SuiteProblem> Repeated<T>(string key, IEnumerable<T> names, Func<T, string> problem) =>
        names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => new SuiteProblem(key, problem(group.Key)));

    private static IEnumerable<SuiteProblem> References(SuiteOptions suite)
    {
        var names = suite.Sets.Select(set => set.Name).ToHashSet(StringComparer.Ordinal);
        return new[]
        {
            suite.Robustness.Select((shift, i) => ($"robustness.{i}.reference", shift.Reference)),
            suite.Robustness.Select((shift, i) => ($"robustness.{i}.shifted", shift.Shifted)),
            suite.Audits.Select((audit, i) => ($"audits.{i}.set", audit.Set)),
            suite.Overlaps.Select((overlap, i) => ($"overlaps.{i}.set", overlap.Set)),
            suite.Humans.Select((human, i) => ($"humans.{i}.set", human.Set)),
        }
            .SelectMany(references => references)
            .Where(reference => !names.Contains(reference.Item2))
            .Select(reference => new SuiteProblem(
                reference.Item1,
                $"'{reference.Item2}' is not one of the suite's sets: {string.Join(", ", names)}."
            ));
    }

    private static IEnumerable<SuiteProblem> OfSearch(OverlapOptions overlap, int i) =>
        overlap.Problem() is { } problem ? [new($"overlaps.{i}", SetError.Words(overlap.Set, problem))] : [];

    /// <summary>
    /// The tasks of a set: those it names, or by default those that its files support. None if it is only searched for or audited.
    /// </summary>
    internal static IReadOnlyList<SetTask> Tasks(SuiteOptions suite, SetOptions set, IImageSet images)
    {
        if (set.Tasks.Count > 0)
        {
            return [.. set.Tasks.Select(TaskOf)];
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

    private static SetTask TaskOf(string task) => (SetTask)Array.IndexOf(s_tasks, task);
}
