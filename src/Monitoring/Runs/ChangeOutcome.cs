using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Runs;

/// <summary>What a change gave that the verdict of an earlier run proposed.</summary>
/// <param name="Run">The earlier run.</param>
/// <param name="Key">The key of the configuration that was changed.</param>
/// <param name="Before">Its value in the earlier run.</param>
/// <param name="After">Its value in the later run.</param>
/// <param name="Expected">Speed-up that the verdict promised at most.</param>
/// <param name="Measured">Ratio of the runs' samples a second over their last steps.</param>
public sealed record ChangeOutcome(string Run, string Key, string Before, string After, double Expected, double Measured)
{
    private const string Absent = "none";

    /// <summary>The outcome in a sentence.</summary>
    public string Text => $"Proposed in {Run}: {Key} {Before} → {After}, expected up to {Change(Expected)}, measured {Change(Measured)}.";

    /// <summary>
    /// The outcome for a run that differs from an earlier one in exactly the key that the earlier one's verdict proposed to change; null if
    /// there is none. Of several earlier runs the newest counts.
    /// </summary>
    /// <param name="runs">The runs by name, of which the later one is one.</param>
    public static ChangeOutcome? Of(WatchedRun later, IReadOnlyDictionary<string, WatchedRun> runs) =>
        later.SamplesPerSecond is not { } rate
            ? null
            : runs.Where(run => run.Value.Created < later.Created)
                .OrderByDescending(run => run.Value.Created)
                .Select(run => Between(run.Key, run.Value, later, rate))
                .FirstOrDefault(outcome => outcome is not null);

    private static ChangeOutcome? Between(string name, WatchedRun earlier, WatchedRun later, double rate)
    {
        if (earlier is not { Verdict: { Key: { } key, Gain: var expected }, SamplesPerSecond: { } before })
        {
            return null;
        }

        string[] changed =
        [
            .. earlier
                .Configuration.Keys.Union(later.Configuration.Keys, StringComparer.Ordinal)
                .Where(each => IsOfTraining(each) && Value(earlier, each) != Value(later, each)),
        ];
        return changed is [var only] && only == key
            ? new ChangeOutcome(name, key, Value(earlier, key), Value(later, key), expected, rate / before)
            : null;
    }

    /// <summary>False for keys that differ between any two runs, or only say where their files are.</summary>
    private static bool IsOfTraining(string key) => key != "name" && !key.StartsWith("output.", StringComparison.Ordinal);

    private static string Value(WatchedRun run, string key) => run.Configuration.GetValueOrDefault(key, Absent);
}
