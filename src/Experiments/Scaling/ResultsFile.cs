using System.Globalization;
using CsvHelper;

namespace ClipTrain.Experiments.Scaling;

/// <summary>Column names of a results table.</summary>
/// <param name="X">The independent variable, such as compute.</param>
/// <param name="Y">Error or loss.</param>
public sealed record ResultColumns(string X, string Y)
{
    /// <summary>Model size; null if there is none.</summary>
    public string? Params { get; init; }

    /// <summary>Samples seen; null if there is none.</summary>
    public string? Data { get; init; }

    /// <summary>Distinct samples; null if all are distinct.</summary>
    public string? Unique { get; init; }

    /// <summary>Column by whose values laws are fitted separately; null for one fit.</summary>
    public string? Group { get; init; }

    /// <summary>Column of seeds: rows that differ only in it are one trial; null if each row is a trial.</summary>
    public string? Seed { get; init; }

    /// <summary>Column of curves: rows with one value are points of one trial; null if there are none.</summary>
    public string? Curve { get; init; }
}

/// <summary>Reads a results table: CSV with a header.</summary>
public static class ResultsFile
{
    private const int FewestPoints = 3;

    /// <exception cref="ExperimentException">A column is missing, a value is not a positive number, or there are too few points for any
    /// law.</exception>
    public static IReadOnlyList<Observation> Read(string path, ResultColumns columns)
    {
        if (!File.Exists(path))
        {
            throw new ExperimentException($"{path}: the file does not exist.");
        }

        using var reader = CsvReader.Create(File.OpenRead(path), new CsvReaderOptions { HasHeader = false, TrackLineNumbers = true });
        if (!reader.Read())
        {
            throw new ExperimentException($"{path}:1: the file is empty; its first line must name the columns.");
        }

        var header = Enumerable.Range(0, reader.FieldCount).Select(i => Field(reader, i).TrimStart('\uFEFF')).ToList();
        var places = Options(columns)
            .Where(option => option.Column is not null)
            .ToDictionary(option => option.Name, option => Place(path, header, option.Name, option.Column!), StringComparer.Ordinal);
        var rows = new List<Observation>();
        long line = 1;
        while (reader.Read())
        {
            if (reader.FieldCount == 1 && Field(reader, 0).Length == 0)
            {
                continue;
            }

            line = reader.LineNumber;
            if (reader.FieldCount <= places.Values.Max())
            {
                throw new ExperimentException(
                    $"{path}:{line}: the line has {reader.FieldCount} fields, but the header has {header.Count} columns: "
                        + $"{header[places.Values.First(place => place >= reader.FieldCount)]} is missing."
                );
            }

            rows.Add(
                new Observation(Number("--x")!.Value, Number("--y")!.Value)
                {
                    Params = Number("--params"),
                    Data = Number("--data"),
                    Unique = Number("--unique"),
                    Group = Text("--group") ?? "",
                    Seed = Text("--seed"),
                    Curve = Text("--curve"),
                }
            );

            string? Text(string option) => places.TryGetValue(option, out var place) ? Field(reader, place) : null;

            double? Number(string option) => Text(option) is { } text ? Positive(path, line, header[places[option]], text) : null;
        }

        Check($"{path}:{line}", columns, rows);
        return rows;
    }

    private static IEnumerable<(string Name, string? Column)> Options(ResultColumns columns) =>
        [
            ("--x", columns.X),
            ("--y", columns.Y),
            ("--params", columns.Params),
            ("--data", columns.Data),
            ("--unique", columns.Unique),
            ("--group", columns.Group),
            ("--seed", columns.Seed),
            ("--curve", columns.Curve),
        ];

    private static int Place(string path, List<string> header, string option, string column) =>
        header.IndexOf(column) is >= 0 and var place
            ? place
            : throw new ExperimentException($"{path}:1: has no column '{column}' ({option}); its columns: {string.Join(", ", header)}.");

    private static double Positive(string path, long line, string column, string text)
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
        {
            throw new ExperimentException($"{path}:{line}: {column} is '{text}', which is not a number.");
        }

        return double.IsFinite(value) && value > 0
            ? value
            : throw new ExperimentException(
                $"{path}:{line}: {column} is {text}; laws use logarithms, so every value must be a number above zero. Remove "
                    + "the row, or correct it."
            );
    }

    /// <param name="end">The file and its last line.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="rows">Its rows.</param>
    private static void Check(string end, ResultColumns columns, List<Observation> rows)
    {
        var points = rows.GroupBy(row => row.Group, StringComparer.Ordinal).Select(group => Sample.Of(group)).ToList();
        var most = points.Count == 0 ? 0 : points.Max(sample => sample.TrialCount);
        if (most < FewestPoints)
        {
            var few = (most, columns.Curve) switch
            {
                (0, _) => "no rows",
                (1, null) => "one point",
                (_, null) => "two points, which always lie on a line",
                (1, _) => "one trial",
                _ => "two trials",
            };
            throw new ExperimentException(
                $"{end}: {columns.X} and {columns.Y} have {few}"
                    + $"{(columns.Group is null || most == 0 ? "" : $" for each {columns.Group}")}; a law needs at least three."
            );
        }

        if (points.TrueForAll(sample => sample.LogX[0] == sample.LogX[^1]))
        {
            throw new ExperimentException(
                $"{end}: every {columns.X} is {rows[0].X.ToString(CultureInfo.InvariantCulture)}; a law needs at least two different ones."
            );
        }
    }

    private static string Field(CsvReader reader, int place) => System.Text.Encoding.UTF8.GetString(reader.GetSpan(place)).Trim();
}
