using System.Text.Json.Serialization;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>One figure of an evaluation, as a row of results.json and results.csv.</summary>
/// <param name="Set">The set.</param>
/// <param name="Task">The task: zero_shot, probe, or retrieval with its direction.</param>
/// <param name="Metric">The figure's name.</param>
/// <param name="Value">The figure.</param>
/// <param name="Low">Lower bound of the 95% interval; null if there is none.</param>
/// <param name="High">Upper bound.</param>
/// <param name="N">Number of images or queries.</param>
/// <param name="Seed">Seed of the bootstrap or of random draws; null if nothing is random.</param>
public sealed record ResultRow(string Set, string Task, string Metric, double Value, double? Low, double? High, long N, long? Seed)
{
    /// <summary>Its name among an evaluation's figures, as <c>evaluation.best_figure</c> gives it.</summary>
    [JsonIgnore]
    public string Name => $"{Set} {Task} {Metric}";

    /// <summary>A figure with an interval.</summary>
    public static ResultRow Of(string set, string task, string metric, double value, Interval interval, long n, long? seed = null) =>
        new(set, task, metric, value, interval.Low, interval.High, n, seed);
}
