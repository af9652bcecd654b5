namespace ClipTrain.Experiments.Sweeps;

/// <summary>Names of a trial's figures: those in the summary of its run.</summary>
public static class FigureName
{
    /// <summary>Tasks of a run's own splits, which its summary leaves out of the names of figures.</summary>
    private static readonly string[] s_splits = ["retrieval", "zero_shot", "classification"];

    /// <summary>The name of a figure of an evaluation, such as heldout.image_to_text.r1.</summary>
    /// <param name="set">The set.</param>
    /// <param name="task">The task and its part, separated by a space.</param>
    /// <param name="metric">The figure's own name.</param>
    public static string Of(string set, string task, string metric) =>
        string.Join('.', [set, .. task.Split(' ').SkipWhile(word => s_splits.Contains(word, StringComparer.Ordinal)), metric]);
}
