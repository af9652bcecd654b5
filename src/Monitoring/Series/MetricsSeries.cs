namespace ClipTrain.Monitoring.Series;

/// <summary>
/// The series of a run's metrics.jsonl, even while it is being written. Memory is bounded: steps are aggregated in buckets, and ranges
/// that need more detail are read from the file again. Not thread-safe.
/// </summary>
/// <param name="path">The file, which need not exist yet.</param>
public sealed class MetricsSeries(string path)
{
    /// <summary>Number of buckets for the whole run. At least half of them are in use once there are enough lines.</summary>
    private const int Buckets = 4096;

    /// <summary>Number of lines between remembered offsets.</summary>
    private const int IndexSpacing = 512;

    /// <summary>Maximum number of new lines per read for followers; further lines become a gap.</summary>
    private const int MaxNews = 200;

    /// <summary>Name of the series of cumulative training seconds.</summary>
    public const string Seconds = "seconds";

    private readonly TailedFile _file = new(path);
    private readonly List<long> _index = [];
    private MetricsLineParser _parser = new();
    private SeriesOverview _overview = new(Buckets);
    private readonly List<double> _row = [];
    private List<double> _values = [];
    private long _lines;
    private double _seconds,
        _step;

    /// <summary>Names of all series.</summary>
    public IReadOnlyList<string> Names => [.. _parser.Names.Where(name => name != "step"), Seconds];

    /// <summary>The last step; 0 if there is none.</summary>
    public long LastStep => (long)_step;

    /// <summary>Incremented whenever the file is replaced, for example when a run returns to an earlier step.</summary>
    public int Version { get; private set; }

    /// <summary>The last value of a series; NaN if it has none.</summary>
    public double Last(string name) =>
        name == Seconds ? _seconds
        : _parser.ColumnOf(name) is >= 0 and var column && column < _values.Count ? _values[column]
        : double.NaN;

    /// <summary>Reads new lines and returns their values by name, at most the newest <see cref="MaxNews"/>.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, double>> Read()
    {
        // Convert only the newest rows to dictionaries.
        var news = new Queue<double[]>();
        var isNew = _file.Read(
            Restart,
            (line, offset) =>
            {
                if (!_parser.TryRead(line.Span, _values))
                {
                    return;
                }

                if (_lines % IndexSpacing == 0)
                {
                    _index.Add(offset);
                }

                _lines++;
                Take(_overview);
                var row = news.Count == MaxNews ? news.Dequeue() : [];
                if (row.Length != _row.Count)
                {
                    row = new double[_row.Count];
                }

                _row.CopyTo(row);
                news.Enqueue(row);
            }
        );
        return isNew ? [.. news.Select(ByName)] : [];
    }

    /// <summary>The series between two steps, inclusive.</summary>
    /// <param name="points">Maximum number of points. At least a tenth is returned if the file has enough lines.</param>
    /// <param name="wanted">Selects series by name; null for all.</param>
    public SeriesSlice Slice(double from, double to, int points, Func<string, bool>? wanted = null)
    {
        var (first, last) = BucketsOf(from, to);
        if (_overview.Width > 1 && last - first < points / 2)
        {
            return Detail(from, to, points, wanted) ?? Of(_overview, (first, last), points, wanted);
        }

        return Of(_overview, (first, last), points, wanted);
    }

    private void Restart()
    {
        (_parser, _overview, _values) = (new MetricsLineParser(), new SeriesOverview(Buckets), []);
        (_lines, _seconds, _step) = (0, 0, 0);
        _index.Clear();
        Version++;
    }

    /// <summary>Adds the parsed line, with the training seconds as its first column.</summary>
    private void Take(SeriesOverview overview)
    {
        var step = Column("step");
        // If not every step is logged, assume that the others took equally long.
        _seconds += Math.Max(0, step - _step) * (Column("step_seconds") is var taken && double.IsFinite(taken) ? taken : 0);
        _step = step;
        // The seconds come first, because other columns are discovered while reading.
        _row.Clear();
        _row.Add(_seconds);
        _row.AddRange(_values);
        overview.Add(_row);
    }

    private double Column(string name) =>
        _parser.ColumnOf(name) is >= 0 and var column && column < _values.Count ? _values[column] : double.NaN;

    private Dictionary<string, double> ByName(double[] row)
    {
        var line = new Dictionary<string, double>(StringComparer.Ordinal) { [Seconds] = row[0] };
        for (var i = 1; i < row.Length; i++)
        {
            if (!double.IsNaN(row[i]))
            {
                line[_parser.Names[i - 1]] = row[i];
            }
        }

        return line;
    }

    private (int First, int Last) BucketsOf(double from, double to)
    {
        var step = 1 + _parser.ColumnOf("step");
        int first = 0,
            last = _overview.Count;
        while (first < last && _overview[step, first].Largest < from)
        {
            first++;
        }

        while (last > first && _overview[step, last - 1].Least > to)
        {
            last--;
        }

        return (first, last);
    }

    /// <summary>Reads the lines of a range again; null if the file is gone or was replaced.</summary>
    private SeriesSlice? Detail(double from, double to, int points, Func<string, bool>? wanted)
    {
        var (lines, seconds, step, values) = (_lines, _seconds, _step, _values);
        var (first, last) = BucketsOf(from, to);
        long firstLine = (long)first * _overview.Width,
            lastLine = Math.Min(lines, (long)last * _overview.Width);
        var entry = (int)Math.Min(firstLine / IndexSpacing, _index.Count - 1);
        var detail = new SeriesOverview(2 * points);
        var number = (long)entry * IndexSpacing;
        try
        {
            // Take the seconds before the range from its first bucket.
            _seconds = _overview[0, first].Least;
            (_step, _values) = (double.NaN, []);
            _file.ReadAgain(
                _index[entry],
                (line, _) =>
                {
                    if (number >= lastLine)
                    {
                        return false;
                    }

                    if (_parser.TryRead(line.Span, _values) && number++ >= firstLine && Column("step") >= from && Column("step") <= to)
                    {
                        if (double.IsNaN(_step))
                        {
                            _step = Column("step");
                        }

                        Take(detail);
                    }

                    return true;
                }
            );
            return Of(detail, (0, detail.Count), points, wanted);
        }
        catch (IOException)
        {
            return null;
        }
        finally
        {
            (_lines, _seconds, _step, _values) = (lines, seconds, step, values);
        }
    }

    private SeriesSlice Of(SeriesOverview overview, (int First, int Last) buckets, int points, Func<string, bool>? wanted)
    {
        var (first, last) = buckets;
        var share = Math.Max(1, ((last - first) + points - 1) / points);
        var count = ((last - first) + share - 1) / share;
        return new SeriesSlice(
            share * overview.Width,
            Values(1 + _parser.ColumnOf("step")).Largest,
            Names
                .Where(name => wanted is null || wanted(name))
                .ToDictionary(name => name, name => Values(name == Seconds ? 0 : 1 + _parser.ColumnOf(name)), StringComparer.Ordinal)
        );

        SeriesValues Values(int column)
        {
            var (means, least, largest) = (new double[count], new double[count], new double[count]);
            for (var i = 0; i < count; i++)
            {
                (means[i], least[i], largest[i]) = overview.Of(column, first + (i * share), Math.Min(last, first + ((i + 1) * share)));
            }

            return new SeriesValues(means, least, largest);
        }
    }
}

/// <summary>A range of a run's series, with at most the requested number of points. Missing values are NaN.</summary>
/// <param name="Width">Number of metrics lines per point.</param>
/// <param name="Step">Largest step of each point.</param>
/// <param name="Series">Mean, smallest and largest value of each point, by series name.</param>
public sealed record SeriesSlice(int Width, double[] Step, IReadOnlyDictionary<string, SeriesValues> Series);

/// <summary>One series of a slice, with one value per point.</summary>
public sealed record SeriesValues(double[] Mean, double[] Least, double[] Largest);
