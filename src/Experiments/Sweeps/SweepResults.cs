using System.Globalization;
using ClipTrain.Experiments.Efficiency;
using ClipTrain.Experiments.Scaling;
using CsvHelper;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>
/// Results of a sweep as a table: one row per trial with its axes, cost and figures. Laws can be fitted to it like to any other table.
/// </summary>
public static class SweepResults
{
    private static readonly string[] Fixed = ["trial", "state", "params", "data", "unique", "compute", "error", "core_seconds"];

    /// <summary>Writes results.csv with the trials that ended with a result. Diverged trials have no error.</summary>
    public static void Write(Sweep sweep, SweepFolder folder, IReadOnlyList<Trial> trials)
    {
        var ended = trials.Select(trial => (Trial: trial, Record: folder.Read(trial.Id))).Where(row => row.Record.IsSettled).ToList();
        var axes = trials
            .SelectMany(trial => trial.Labels)
            .Select(label => label.Key)
            .Distinct(StringComparer.Ordinal)
            .Except(Fixed, StringComparer.Ordinal)
            .ToList();
        var figures = ended
            .SelectMany(row => row.Record.Figures.Keys)
            .Distinct(StringComparer.Ordinal)
            .Except(axes, StringComparer.Ordinal)
            .ToList();
        Directory.CreateDirectory(folder.Path);
        var aside = folder.Results + ".tmp";
        using (var csv = CsvWriter.ToFile(aside, new CsvWriterOptions { NewLine = "\n" }))
        {
            Row([.. Fixed, .. axes, .. figures]);
            foreach (var (trial, record) in ended)
            {
                var labels = trial.Labels.ToDictionary(StringComparer.Ordinal);
                Row([
                    trial.Id,
                    record.State.ToString().ToLowerInvariant(),
                    Text(trial.Resolved.Parameters),
                    Text(trial.Resolved.Samples),
                    Text(Unique(trial)),
                    Text(trial.Resolved.Flops),
                    Text(Error(sweep, record)),
                    Text(record.CoreSeconds),
                    .. axes.Select(axis => labels.GetValueOrDefault(axis, "")),
                    .. figures.Select(figure => record.Figures.TryGetValue(figure, out var value) ? Text(value) : ""),
                ]);
            }

            void Row(IEnumerable<string> fields)
            {
                foreach (var field in fields)
                {
                    csv.WriteField(field);
                }

                csv.EndRecord();
            }
        }

        File.Move(aside, folder.Results, overwrite: true);
    }

    /// <summary>The results to which laws can be fitted.</summary>
    /// <param name="isHeldOut">False for the trials that predictions are based on.</param>
    public static IReadOnlyList<Observation> Observations(Sweep sweep, SweepFolder folder, IEnumerable<Trial> trials, bool isHeldOut) =>
        [
            .. from trial in trials
            where trial.IsHeldOut == isHeldOut
            let record = folder.Read(trial.Id)
            where record.State == TrialState.Done && Error(sweep, record) is > 0 && trial.Resolved.Flops is not null
            select new Observation(trial.Resolved.Flops!.Value, Error(sweep, record)!.Value)
            {
                Params = trial.Resolved.Parameters,
                Data = trial.Resolved.Samples,
                Unique = Unique(trial),
                Group = GroupOf(sweep, trial),
                Seed = Label(trial, "seed"),
            },
        ];

    /// <summary>The group to which laws are fitted: the choice whose efficiency the sweep compares; empty if it compares none.</summary>
    public static string GroupOf(Sweep sweep, Trial trial) => sweep.Efficiency is { } efficiency ? Label(trial, efficiency.Axis) ?? "" : "";

    /// <summary>The accuracies whose samples the sweep compares; empty if it compares none.</summary>
    public static IReadOnlyList<EfficiencyPoint> Accuracies(Sweep sweep, SweepFolder folder, IEnumerable<Trial> trials) =>
        [
            .. from trial in trials
            where sweep.Efficiency is not null && trial.Resolved.Samples is not null
            let error = Error(sweep, folder.Read(trial.Id))
            where error is not null
            select new EfficiencyPoint(
                Label(trial, sweep.Efficiency!.Axis)!,
                Label(trial, "seed") ?? "",
                trial.Resolved.Samples!.Value,
                1 - error.Value
            ),
        ];

    /// <summary>A trial's error; null if it has none.</summary>
    /// <exception cref="ExperimentException">The sweep's metric is not one of the figures.</exception>
    public static double? Error(Sweep sweep, TrialRecord record)
    {
        if (record.State != TrialState.Done)
        {
            return null;
        }

        return record.Figures.TryGetValue(sweep.Metric, out var value)
            ? sweep.Metric == "loss"
                ? value
                : 1 - value
            : throw new ExperimentException(
                $"{sweep.Path}: metric is {sweep.Metric}, which is not one of the figures of trial {record.Id}: "
                    + $"{string.Join(", ", record.Figures.Keys)}."
            );
    }

    private static string? Label(Trial trial, string axis) => trial.Labels.FirstOrDefault(label => label.Key == axis).Value;

    private static long? Unique(Trial trial) =>
        trial.Resolved is { Unique: { } unique, Samples: { } samples } ? Math.Min(unique, samples) : null;

    private static string Text(IFormattable? number) => number?.ToString(format: null, CultureInfo.InvariantCulture) ?? "";
}
