namespace ClipTrain.Monitoring.Series;

/// <summary>
/// All lines of a run in equal-sized buckets, with the mean, smallest and largest value of each column. When all buckets are used, pairs
/// are merged, so memory does not grow with the run.
/// </summary>
internal sealed class SeriesOverview(int capacity)
{
    private readonly List<Column> _columns = [];
    private int _lines;

    /// <summary>Number of lines in each bucket except the last.</summary>
    public int Width { get; private set; } = 1;

    /// <summary>Number of used buckets.</summary>
    public int Count { get; private set; }

    /// <param name="values">One value per column; NaN if the line has none.</param>
    public void Add(IReadOnlyList<double> values)
    {
        if (_lines == 0)
        {
            if (Count == capacity)
            {
                Halve();
            }

            Count++;
        }

        while (_columns.Count < values.Count)
        {
            _columns.Add(new Column(capacity));
        }

        for (var i = 0; i < values.Count; i++)
        {
            _columns[i].Add(Count - 1, values[i]);
        }

        _lines = (_lines + 1) % Width;
    }

    /// <summary>A column's values in a bucket; NaN if no line has one.</summary>
    public (double Mean, double Least, double Largest) this[int column, int bucket] =>
        column < _columns.Count ? _columns[column].Of(bucket, bucket + 1) : (double.NaN, double.NaN, double.NaN);

    /// <summary>A column over buckets <paramref name="from"/> (inclusive) to <paramref name="to"/> (exclusive).</summary>
    public (double Mean, double Least, double Largest) Of(int column, int from, int to) =>
        column < _columns.Count ? _columns[column].Of(from, to) : (double.NaN, double.NaN, double.NaN);

    private void Halve()
    {
        foreach (var column in _columns)
        {
            column.Halve(capacity);
        }

        Count = capacity / 2;
        Width *= 2;
    }

    private sealed class Column(int capacity)
    {
        private readonly double[] _sums = new double[capacity];
        private readonly double[] _least = new double[capacity];
        private readonly double[] _largest = new double[capacity];
        private readonly int[] _counts = new int[capacity];

        public void Add(int bucket, double value)
        {
            if (!double.IsFinite(value))
            {
                return;
            }

            _least[bucket] = _counts[bucket] == 0 ? value : Math.Min(_least[bucket], value);
            _largest[bucket] = _counts[bucket] == 0 ? value : Math.Max(_largest[bucket], value);
            _sums[bucket] += value;
            _counts[bucket]++;
        }

        public (double Mean, double Least, double Largest) Of(int from, int to)
        {
            double sum = 0,
                least = double.PositiveInfinity,
                largest = double.NegativeInfinity;
            var count = 0;
            for (var bucket = from; bucket < to; bucket++)
            {
                if (_counts[bucket] == 0)
                {
                    continue;
                }

                sum += _sums[bucket];
                count += _counts[bucket];
                least = Math.Min(least, _least[bucket]);
                largest = Math.Max(largest, _largest[bucket]);
            }

            return count == 0 ? (double.NaN, double.NaN, double.NaN) : (sum / count, least, largest);
        }

        public void Halve(int used)
        {
            for (var bucket = 0; bucket < used / 2; bucket++)
            {
                int a = 2 * bucket,
                    b = a + 1;
                var (least, largest) = (_counts[a], _counts[b]) switch
                {
                    (_, 0) => (_least[a], _largest[a]),
                    (0, _) => (_least[b], _largest[b]),
                    _ => (Math.Min(_least[a], _least[b]), Math.Max(_largest[a], _largest[b])),
                };
                (_least[bucket], _largest[bucket]) = (least, largest);
                _sums[bucket] = _sums[a] + _sums[b];
                _counts[bucket] = _counts[a] + _counts[b];
            }

            Array.Clear(_sums, used / 2, used - (used / 2));
            Array.Clear(_counts, used / 2, used - (used / 2));
        }
    }
}
