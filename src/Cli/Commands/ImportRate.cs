using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary>Speed and remaining time of an import, from its beginning or from where it went on.</summary>
internal sealed class ImportRate(TimeProvider time)
{
    private ImportFigures? _first;
    private long _began,
        _shown;

    /// <summary>An action that shows figures, in words, no more often than this.</summary>
    public Action<ImportFigures> Every(TimeSpan interval, Action<ImportFigures, string> show) =>
        figures =>
        {
            if (_first is null)
                (_first, _began, _shown) = (figures, time.GetTimestamp(), time.GetTimestamp());
            if (time.GetElapsedTime(_shown) < interval)
                return;
            _shown = time.GetTimestamp();
            show(figures, Describe(figures, _first.Value, time.GetElapsedTime(_began).TotalSeconds));
        };

    internal static string Describe(ImportFigures now, ImportFigures first, double seconds)
    {
        var failed = now.Failures > 0 ? $", {Readable.Count(now.Failures)} failed" : "";
        var text = $"{Readable.Count(now.Rows)} pairs{failed}, {Readable.Number((now.Rows - first.Rows) / seconds)} a second";
        var share = now.Share - first.Share;
        return share > 0
            ? $"{text}, {Readable.Duration(TimeSpan.FromSeconds(Math.Min((1 - now.Share) / share * seconds, 1e8)))} left"
            : text;
    }
}
