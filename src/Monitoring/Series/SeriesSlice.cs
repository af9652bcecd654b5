namespace ClipTrain.Monitoring.Series;

/// <summary>A stretch of a run's series in no more points than asked for. Values are NaN where there is none.</summary>
/// <param name="Width">Lines of the metrics file in a point.</param>
/// <param name="Step">Largest step of each point.</param>
/// <param name="Series">Mean, least and largest value of each point, by the series' name.</param>
public sealed record SeriesSlice(int Width, double[] Step, IReadOnlyDictionary<string, SeriesValues> Series);

/// <summary>One series of a slice, a value a point.</summary>
public sealed record SeriesValues(double[] Mean, double[] Least, double[] Largest);
