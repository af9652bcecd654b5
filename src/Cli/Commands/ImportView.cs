using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Import;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Progress of an import, export or other pass over a corpus.</summary>
/// <param name="Rows">Pairs processed.</param>
/// <param name="Failures">Unusable pairs.</param>
/// <param name="Share">Processed share of the input, 0 to 1.</param>
internal readonly record struct ImportFigures(long Rows, long Failures, double Share);

/// <summary>Progress display: a bar on a terminal, otherwise a line every ten seconds.</summary>
internal static class ImportView
{
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100),
        s_interval = TimeSpan.FromSeconds(10);

    /// <param name="what">Activity to show, such as "importing".</param>
    /// <param name="work">Work to run. Its argument shows the progress and may be called at any rate.</param>
    public static T Show<T>(string what, Func<Action<ImportFigures>, T> work)
    {
        var rate = new ImportRate(TimeProvider.System);
        if (!TrainingProgress.IsLive(AnsiConsole.Console))
        {
            return work(rate.Every(s_interval, (figures, text) => Console.WriteLine($"{what}: {Readable.Percent(figures.Share)}, {text}")));
        }

        return AnsiConsole
            .Progress()
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                var task = context.AddTask(what, maxValue: 1);
                return work(
                    rate.Every(
                        s_refresh,
                        (figures, text) =>
                        {
                            task.Value = figures.Share;
                            task.Description = $"{what}: {text}";
                        }
                    )
                );
            });
    }
}

/// <summary>Rate and remaining time of an import, measured from its start or from the point where it continued.</summary>
internal sealed class ImportRate(TimeProvider time)
{
    private ImportFigures? _first;
    private long _began,
        _shown;

    /// <summary>Returns an action that shows the progress as text, at most once per interval.</summary>
    public Action<ImportFigures> Every(TimeSpan interval, Action<ImportFigures, string> show) =>
        figures =>
        {
            if (_first is null)
            {
                (_first, _began, _shown) = (figures, time.GetTimestamp(), time.GetTimestamp());
            }

            if (time.GetElapsedTime(_shown) < interval)
            {
                return;
            }

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

/// <summary>Tables of an import's results.</summary>
internal static class ImportTables
{
    public static IEnumerable<Table> Draw(ImportState state)
    {
        yield return Counts(
            "import",
            [
                new("pairs", state.Tally.Rows),
                new("bytes of images", state.Tally.ImageBytes),
                new("files", state.Shards.Count),
                new("bytes of files", state.Shards.Sum(s => s.Bytes)),
                new("failures", state.Tally.Failures()),
            ]
        );
        if (state.Tally.Reasons.Count > 0)
        {
            yield return Counts("failures", state.Tally.Reasons);
        }

        if (state.Tally.LeftOut.Count > 0)
        {
            yield return Counts("dropped values: fields that are missing in the first rows", state.Tally.LeftOut);
        }
    }

    private static Table Counts(string title, IEnumerable<KeyValuePair<string, long>> counts)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn(title).AddColumn(new TableColumn("").RightAligned());
        foreach (var (name, count) in counts)
        {
            table.AddRow(new Text(name), new Text(Readable.Count(count)));
        }

        return table;
    }
}
