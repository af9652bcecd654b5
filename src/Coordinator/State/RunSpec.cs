using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>What is fixed for a run before its first worker joins. It holds no secret: it is written to disk with the state.</summary>
/// <param name="RunId">Name of the run, as in <c>cliptrain resume RUN</c>.</param>
/// <param name="Workers">The number of workers that the first generation waits for.</param>
/// <param name="CodeVersion">Every worker must run this build.</param>
/// <param name="ConfigHash">Every worker must have resolved its configuration to this hash.</param>
/// <param name="CorpusHash">Every worker must see the corpus of this hash.</param>
public sealed record RunSpec(string RunId, int Workers, string CodeVersion, string ConfigHash, string CorpusHash)
{
    /// <summary>With fewer workers the run waits.</summary>
    public int MinWorkers { get; init; } = Workers;

    /// <summary>Workers beyond this wait as spares.</summary>
    public int MaxWorkers { get; init; } = Workers;

    /// <summary>
    /// Number of workers that nodes start, and start again when they crash: worker-0 … worker-(n − 1). The rest come by themselves.
    /// </summary>
    public int ManagedWorkers { get; init; }

    /// <summary>The step after which the run is complete; null when it is not known.</summary>
    public long? TotalSteps { get; init; }

    /// <summary>Samples of a global batch; null when it is not known.</summary>
    public int? GlobalBatch { get; init; }

    /// <summary>The run ends when this number of generations in a row broke before they committed a step.</summary>
    public int MaxFruitlessGenerations { get; init; } = 5;

    public RunTimeouts Timeouts { get; init; } = new();

    /// <summary>What a user types to resume the run, where that is not its name: its directory.</summary>
    public string? ResumeAs { get; init; }
}

/// <summary>How long the coordinator waits for what.</summary>
public sealed record RunTimeouts
{
    /// <summary>The first generation waits this long for all <see cref="RunSpec.Workers"/>; then the minimum is enough.</summary>
    public TimeSpan Forming { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The lease: a worker that is not heard of for this long is lost.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// When a generation is over, its members must have joined again within this time. Longer than a step, since a worker
    /// finds out only between collectives.
    /// </summary>
    public TimeSpan Regroup { get; init; } = TimeSpan.FromSeconds(330);

    /// <summary>The survivor that was asked to save must have written its checkpoint within this time.</summary>
    public TimeSpan Save { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>While the run waits for workers it says so this often.</summary>
    public TimeSpan WaitingNotice { get; init; } = TimeSpan.FromMinutes(1);
}
