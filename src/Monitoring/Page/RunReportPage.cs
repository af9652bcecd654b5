namespace ClipTrain.Monitoring.Page;

/// <summary>Writes the live page as a self-contained file.</summary>
public static class RunReportPage
{
    private const int Points = 2000;

    /// <summary>Writes the page with the current state of runs and sweeps.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static async Task WriteAsync(string path, IReadOnlyList<string> directories, TimeProvider time, ISweepSource? sweeps = null)
    {
        var board = new RunBoard(() => directories, time);
        await using (board)
        {
            var data = board.Look(runs =>
                PageJson.Of(
                    new
                    {
                        Runs = runs.Select(run => PageJson.Summary(run.Key, run.Value)),
                        Details = runs.ToDictionary(run => run.Key, run => PageJson.Details(run.Value, runs), StringComparer.Ordinal),
                        Probes = runs.ToDictionary(run => run.Key, run => run.Value.Probe, StringComparer.Ordinal),
                        Series = runs.ToDictionary(
                            run => run.Key,
                            run => PageJson.Series(run.Value, run.Value.Metrics.Slice(0, double.MaxValue, Points)),
                            StringComparer.Ordinal
                        ),
                        Sweeps = sweeps?.Read() ?? [],
                    }
                )
            );
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            {
                Directory.CreateDirectory(folder);
            }

            await File.WriteAllTextAsync(path, PageAssets.Report(data));
        }
    }
}
