using ClipTrain.Monitoring.Series;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Runs;

/// <summary>What has become of a run.</summary>
public enum RunPhaseOnDisk
{
    /// <summary>No coordinator is alive and there is no summary.</summary>
    Stopped,

    /// <summary>A coordinator is alive.</summary>
    Live,

    /// <summary>It has trained all its steps and was summed up.</summary>
    Completed,
}

/// <summary>A run on disk, live or ended: its series, events, ranks, configuration and figures. Not thread-safe.</summary>
/// <param name="directory">The run's directory.</param>
/// <param name="time">Tells how old a coordinator's last sign of life is.</param>
public sealed class WatchedRun(string directory, TimeProvider time)
{
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(30);

    private readonly RunEvents _events = new(Path.Combine(directory, "run.log"));
    private readonly RankActivity _ranks = new(Path.Combine(directory, "ledger"));

    public string Name { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));

    /// <summary>The run's series by step.</summary>
    public MetricsSeries Metrics { get; } = new(Path.Combine(directory, "metrics.jsonl"));

    /// <summary>The newest events, the oldest first.</summary>
    public IReadOnlyCollection<RunEvent> Events => _events.All;

    /// <summary>How the ranks spent the last steps.</summary>
    public IReadOnlyList<RankShare> Ranks => _ranks.Shares();

    /// <summary>What bounds the run, by its last steps; null when there are too few.</summary>
    public StepVerdict? Verdict => _ranks.Verdict;

    public IReadOnlyDictionary<string, string> Configuration { get; } = RunConfiguration.Read(Path.Combine(directory, "config.yaml"));

    /// <summary>The numbers of summary.json; empty before the run's end.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Figures => RunConfiguration.Figures(SummaryPath);

    public RunPhaseOnDisk Phase =>
        HasSummary ? RunPhaseOnDisk.Completed
        : IsAlive ? RunPhaseOnDisk.Live
        : RunPhaseOnDisk.Stopped;

    private string SummaryPath => Path.Combine(directory, "summary.json");

    /// <summary>
    /// A summary is of the run's end only if no step was recorded after it: a completed run can be continued with more steps.
    /// </summary>
    private bool HasSummary =>
        File.Exists(SummaryPath)
        && File.GetLastWriteTimeUtc(SummaryPath) >= File.GetLastWriteTimeUtc(Path.Combine(directory, "metrics.jsonl"));

    /// <summary>
    /// Coordinators touch their file of the cluster every few seconds; where members are kept in a database, metrics are the only sign.
    /// </summary>
    private bool IsAlive
    {
        get
        {
            var alive = Path.Combine(directory, "cluster", "alive");
            var signs = Directory.Exists(alive) ? Directory.EnumerateFiles(alive) : [];
            return signs
                .Append(Path.Combine(directory, "metrics.jsonl"))
                .Where(File.Exists)
                .Any(sign => time.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(sign) < SignOfLife);
        }
    }

    /// <summary>Reads what the run's files have gained.</summary>
    public RunNews Read()
    {
        var steps = Metrics.Read();
        _ranks.Read();
        return new RunNews(Name, Metrics.Version, steps, _events.Read());
    }
}

/// <summary>What a run's files have gained since the last look.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Version">Another one than before says that the series begin anew.</param>
/// <param name="Steps">Values of each new metrics line by name.</param>
/// <param name="Events">New events.</param>
public sealed record RunNews(
    string Run,
    int Version,
    IReadOnlyList<IReadOnlyDictionary<string, double>> Steps,
    IReadOnlyList<RunEvent> Events
)
{
    public bool IsEmpty => Steps.Count == 0 && Events.Count == 0;
}
