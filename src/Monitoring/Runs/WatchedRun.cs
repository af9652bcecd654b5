using ClipTrain.Monitoring.Series;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Runs;

/// <summary>Phase of a run on disk.</summary>
public enum RunPhaseOnDisk
{
    /// <summary>No coordinator is alive, and there is no summary.</summary>
    Stopped,

    /// <summary>A coordinator is alive.</summary>
    Live,

    /// <summary>All steps are trained, and the summary is written.</summary>
    Completed,
}

/// <summary>A run on disk, live or ended, with its series, events, ranks, configuration and figures. Not thread-safe.</summary>
/// <param name="directory">The run's directory.</param>
/// <param name="time">Clock for the age of a coordinator's last sign of life.</param>
public sealed class WatchedRun(string directory, TimeProvider time)
{
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(30);

    private readonly RunEvents _events = new(Path.Combine(directory, "run.log"));
    private readonly RankActivity _ranks = new(Path.Combine(directory, "ledger"));

    public string Name { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));

    /// <summary>The run's series by step.</summary>
    public MetricsSeries Metrics { get; } = new(Path.Combine(directory, "metrics.jsonl"));

    /// <summary>The newest events, oldest first.</summary>
    public IReadOnlyCollection<RunEvent> Events => _events.All;

    /// <summary>Activity of the ranks over the last steps.</summary>
    public IReadOnlyList<RankShare> Ranks => _ranks.Shares();

    /// <summary>The bottleneck of the run over its last steps; null if there are too few.</summary>
    public StepVerdict? Verdict => _ranks.Verdict;

    /// <summary>Where the time of the last steps went; null if none was measured.</summary>
    public StepPhases? Phases => _ranks.Phases;

    /// <summary>Samples of all ranks a second over the last steps; null if there are too few.</summary>
    public double? SamplesPerSecond => _ranks.SamplesPerSecond;

    /// <summary>Time at which the run was created: nothing writes its configuration later.</summary>
    public DateTime Created { get; } = File.GetLastWriteTimeUtc(Path.Combine(directory, "config.yaml"));

    public IReadOnlyDictionary<string, string> Configuration { get; } = RunConfiguration.Read(Path.Combine(directory, "config.yaml"));

    /// <summary>The numbers of summary.json; empty before the run ends.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Figures => RunConfiguration.Figures(SummaryPath);

    /// <summary>Time of the newest look at the probe batch; null if there is none.</summary>
    public DateTime? ProbeTime =>
        new FileInfo(Path.Combine(directory, ProbeFile.Name)) is { Exists: true } file ? file.LastWriteTimeUtc : null;

    /// <summary>The run's probe batch, read on access; null if there is none.</summary>
    public Probe? Probe => ProbeFile.Read(directory);

    public RunPhaseOnDisk Phase =>
        HasSummary ? RunPhaseOnDisk.Completed
        : IsAlive ? RunPhaseOnDisk.Live
        : RunPhaseOnDisk.Stopped;

    private string SummaryPath => Path.Combine(directory, "summary.json");

    /// <summary>True if there is a summary and no step was recorded after it: a completed run can be continued with more steps.</summary>
    private bool HasSummary =>
        File.Exists(SummaryPath)
        && File.GetLastWriteTimeUtc(SummaryPath) >= File.GetLastWriteTimeUtc(Path.Combine(directory, "metrics.jsonl"));

    /// <summary>
    /// True if a coordinator is alive. Coordinators touch a file every few seconds; if the membership table is in a database, new
    /// metrics are the only sign.
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

    /// <summary>Reads new data from the run's files.</summary>
    public RunNews Read()
    {
        var steps = Metrics.Read();
        _ranks.Read();
        return new RunNews(Name, Metrics.Version, steps, _events.Read());
    }
}

/// <summary>New data of a run since the last read.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Version">Changes if the series start anew.</param>
/// <param name="Steps">Values of each new metrics line, by name.</param>
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
