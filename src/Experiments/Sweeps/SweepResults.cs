using System.Globalization;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Efficiency;
using ClipTrain.Experiments.Scaling;
using CsvHelper;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>
/// Results of a sweep as a table: one row per trial, or per evaluated step of a trial, with its axes, cost and figures. Laws can be
/// fitted to it like to any other table.
/// </summary>
public static class SweepResults
{
    private const string Seed = "seed";

    private static readonly string[] Ends = ["trial", "state", "params", "data", "unique", "compute", "error", "core_seconds"],
        Curves = [.. Ends, "step", "curve"];

    /// <summary>Writes results.csv with the trials that ended with a result. Diverged trials have no error.</summary>
    public static void Write(Sweep sweep, SweepFolder folder, IReadOnlyList<Trial> trials)
    {
        var columns = sweep.Curve ? Curves : Ends;
        var ended = (
            from trial in trials
            let record = folder.Read(trial.Id)
            where record.IsSettled
            from point in TrialPoint.Of(sweep, folder, trial, record)
            select (Trial: trial, Record: record, Point: point)
        ).ToList();
        var axes = trials
            .SelectMany(trial => trial.Labels)
            .Select(label => label.Key)
            .Distinct(StringComparer.Ordinal)
            .Except(columns, StringComparer.Ordinal)
            .ToList();
        var figures = ended
            .SelectMany(row => row.Point.Figures.Keys)
            .Distinct(StringComparer.Ordinal)
            .Except(axes, StringComparer.Ordinal)
            .ToList();
        WholeFile.Write(folder.Results, WriteTable);

        void WriteTable(string path)
        {
            using var csv = CsvWriter.ToFile(path, new CsvWriterOptions { NewLine = "\n" });
            Row([.. columns, .. axes, .. figures]);
            foreach (var (trial, record, point) in ended)
            {
                var labels = trial.Labels.ToDictionary(StringComparer.Ordinal);
                Row([
                    trial.Id,
                    record.State.ToString().ToLowerInvariant(),
                    Text(trial.Resolved.Parameters),
                    Text(point.Samples),
                    Text(Unique(trial, point)),
                    Text(point.Flops),
                    Text(Error(sweep, record, point)),
                    point.IsEnd ? Text(record.CoreSeconds) : "",
                    .. sweep.Curve ? [Text(point.Step), CurveOf(trial)] : Array.Empty<string>(),
                    .. axes.Select(axis => labels.GetValueOrDefault(axis, "")),
                    .. figures.Select(figure => point.Figures.TryGetValue(figure, out var value) ? Text(value) : ""),
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
    }

    /// <summary>The results to which laws can be fitted.</summary>
    /// <param name="isHeldOut">False for the trials that predictions are based on.</param>
    public static IReadOnlyList<Observation> Observations(Sweep sweep, SweepFolder folder, IEnumerable<Trial> trials, bool isHeldOut) =>
        [
            .. from result in Finished(sweep, folder, trials.Where(trial => trial.IsHeldOut == isHeldOut))
            let trial = result.Trial
            let point = result.Point
            where result.Error > 0 && point.Flops is not null
            select new Observation(point.Flops!.Value, result.Error)
            {
                Params = trial.Resolved.Parameters,
                Data = point.Samples,
                Unique = Unique(trial, point),
                Group = GroupOf(sweep, trial),
                Seed = Label(trial, Seed),
                Curve = sweep.Curve ? CurveOf(trial) : null,
            },
        ];

    /// <summary>Warnings about results that are no observations: laws use the logarithm of the error.</summary>
    public static IReadOnlyList<string> LeftOut(Sweep sweep, SweepFolder folder, IEnumerable<Trial> trials) =>
        [
            .. from result in Finished(sweep, folder, trials)
            where !(result.Error > 0)
            group $"{(result.Point.IsEnd ? "" : $"step {result.Point.Step} of ")}{result.Trial.Id} ({result.Trial.Describe()})" by result.Error into same
            let are = same.Skip(1).Any() ? $"{same.Count()} results are" : "one result is"
            select $"{are} in no fit, because the error ({sweep.ErrorName}) is {Text(same.Key)}, and laws use its logarithm, which only "
                + $"numbers above zero have: {string.Join("; ", same)}.",
        ];

    /// <summary>The results of the finished trials, with their errors.</summary>
    private static IEnumerable<(Trial Trial, TrialPoint Point, double Error)> Finished(
        Sweep sweep,
        SweepFolder folder,
        IEnumerable<Trial> trials
    ) =>
        from trial in trials
        let record = folder.Read(trial.Id)
        where record.State == TrialState.Done
        from point in TrialPoint.Of(sweep, folder, trial, record)
        select (trial, point, Error(sweep, record, point)!.Value);

    /// <summary>The group to which laws are fitted: the choice whose efficiency the sweep compares; empty if it compares none.</summary>
    public static string GroupOf(Sweep sweep, Trial trial) => sweep.Efficiency is { } efficiency ? Label(trial, efficiency.Axis) ?? "" : "";

    /// <summary>The accuracies that an efficiency compares, by the amount of samples or compute.</summary>
    public static IReadOnlyList<EfficiencyPoint> Accuracies(
        Sweep sweep,
        EfficiencyAxis compared,
        SweepFolder folder,
        IEnumerable<Trial> trials
    ) =>
        [
            .. from trial in trials
            let choice = Label(trial, compared.Axis)
            let amount = compared.By == EfficiencyUnit.Compute ? trial.Resolved.Flops : trial.Resolved.Samples
            let error = Error(sweep, folder.Read(trial.Id))
            where choice is not null && amount is not null && error is not null
            select new EfficiencyPoint(
                choice,
                Expansion.Text(
                    trial.Labels.Where(label => label.Key != compared.Axis && label.Key is not (Seed or Expansion.BudgetColumn))
                ),
                Label(trial, Seed) ?? "",
                amount.Value,
                1 - error.Value
            ),
        ];

    /// <summary>A trial's error at its end; null if it has none.</summary>
    /// <exception cref="ExperimentException">The sweep's metric is not one of the figures.</exception>
    public static double? Error(Sweep sweep, TrialRecord record) =>
        record.State == TrialState.Done ? Error(sweep, $"trial {record.Id}", record.Figures) : null;

    private static double? Error(Sweep sweep, TrialRecord record, TrialPoint point) =>
        point.IsEnd ? Error(sweep, record) : Error(sweep, $"step {point.Step} of trial {record.Id}", point.Figures);

    private static double Error(Sweep sweep, string of, IReadOnlyDictionary<string, double> figures) =>
        figures.TryGetValue(sweep.Metric, out var value)
            ? sweep.IsLoss
                ? value
                : 1 - value
            : throw new ExperimentException(
                $"{sweep.Path}: metric is {sweep.Metric}, which is not one of the figures of {of}: {string.Join(", ", figures.Keys)}."
            );

    /// <summary>A trial's curve: its choices without the seed, so that its seeds share it.</summary>
    private static string CurveOf(Trial trial) => Expansion.Text(trial.Labels.Where(label => label.Key != Seed));

    private static string? Label(Trial trial, string axis) => trial.Labels.FirstOrDefault(label => label.Key == axis).Value;

    private static long? Unique(Trial trial, TrialPoint point) =>
        trial.Resolved.Unique is { } unique && point.Samples is { } samples ? Math.Min(unique, samples) : null;

    private static string Text(IFormattable? number) => number?.ToString(format: null, CultureInfo.InvariantCulture) ?? "";
}
