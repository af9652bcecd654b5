using System.Globalization;
using System.Text;
using CsvHelper;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>Figures of a trial after one of its steps.</summary>
/// <param name="Step">The step; null for the end of a trial of unknown length.</param>
/// <param name="Samples">Samples seen until then; null if unknown.</param>
/// <param name="Flops">Floating-point operations of training until then; null if unknown.</param>
/// <param name="Figures">The figures by name.</param>
internal sealed record TrialPoint(long? Step, long? Samples, double? Flops, IReadOnlyDictionary<string, double> Figures)
{
    private static readonly string[] s_columns = ["step", "samples", "set", "task", "metric", "value", "low", "high"];

    /// <summary>True for the end of the trial.</summary>
    public bool IsEnd { get; private init; }

    /// <summary>
    /// The results of a settled trial: its end, after the steps that its run evaluated if the sweep takes curves from trials.
    /// </summary>
    /// <exception cref="ExperimentException">The run's table of figures is damaged.</exception>
    public static IReadOnlyList<TrialPoint> Of(Sweep sweep, SweepFolder folder, Trial trial, TrialRecord record)
    {
        var (steps, file) = (trial.Resolved.Steps, folder.Evaluation(trial.Id));
        var end = new TrialPoint(steps, trial.Resolved.Samples, trial.Resolved.Flops, record.Figures) { IsEnd = true };
        return sweep.Curve && record.State == TrialState.Done && File.Exists(file)
            ?
            [
                .. from row in Rows(file)
                where row.Step < steps
                group row by row.Step into step
                orderby step.Key
                select new TrialPoint(
                    step.Key,
                    step.Key * trial.Resolved.GlobalBatch,
                    trial.Resolved.Flops * step.Key / steps,
                    step.ToDictionary(row => row.Figure, row => row.Value, StringComparer.Ordinal)
                ),
                end,
            ]
            : [end];
    }

    /// <summary>
    /// Figures in a run's evaluation.csv, with the names that they have in its summary.
    /// </summary>
    private static IEnumerable<(long Step, string Figure, double Value)> Rows(string file)
    {
        using var reader = CsvReader.Create(File.OpenRead(file), new CsvReaderOptions { HasHeader = false, TrackLineNumbers = true });
        if (
            !reader.Read()
            || !Enumerable
                .Range(0, reader.FieldCount)
                .Select(place => Field(reader, place))
                .SequenceEqual(s_columns, StringComparer.Ordinal)
        )
        {
            throw new ExperimentException(
                $"{file}: this is not a run's table of figures, which begins with {string.Join(',', s_columns)}. Restore it, or delete it "
                    + "to use the end of the trial only."
            );
        }

        var seen = new HashSet<(long, string)>();
        while (reader.Read())
        {
            if (
                reader.FieldCount != s_columns.Length
                || !long.TryParse(Field(reader, 0), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
                || Number(reader, 5) is not { } value
            )
            {
                throw new ExperimentException($"{file}:{reader.LineNumber}: this is not a figure of an evaluated step.");
            }

            var name = FigureName.Of(Field(reader, 2), Field(reader, 3), Field(reader, 4));
            if (!seen.Add((step, name)))
            {
                throw new ExperimentException($"{file}:{reader.LineNumber}: {name} of step {step} occurs twice. Delete one of the lines.");
            }

            yield return (step, name, value);
            if (Number(reader, 6) is { } low && Number(reader, 7) is { } high)
            {
                yield return (step, name + "_low", low);
                yield return (step, name + "_high", high);
            }
        }
    }

    private static double? Number(CsvReader reader, int place) =>
        double.TryParse(Field(reader, place), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static string Field(CsvReader reader, int place) => Encoding.UTF8.GetString(reader.GetSpan(place));
}
