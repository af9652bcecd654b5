using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>The fixed parameters of a run. They contain no secret, since they are written to disk with the state.</summary>
/// <param name="RunId">Name of the run, as in <c>cliptrain resume RUN</c>.</param>
/// <param name="Workers">Number of workers that the first generation waits for.</param>
/// <param name="CodeVersion">Every worker must run this build.</param>
/// <param name="ConfigHash">Every worker must have resolved its configuration to this hash.</param>
/// <param name="CorpusHash">Every worker must see the corpus of this hash.</param>
public sealed record RunSpec(string RunId, int Workers, string CodeVersion, string ConfigHash, string CorpusHash)
{
    /// <summary>Minimum number of workers; with fewer the run waits.</summary>
    public int MinWorkers { get; init; } = Workers;

    /// <summary>Maximum number of workers; others wait as spares.</summary>
    public int MaxWorkers { get; init; } = Workers;

    /// <summary>
    /// Number of workers that nodes start, and restart after a crash: worker-0 … worker-(n − 1). Others join on their own.
    /// </summary>
    public int ManagedWorkers { get; init; }

    /// <summary>The step after which the run is complete; null if unknown.</summary>
    public long? TotalSteps { get; init; }

    /// <summary>Global batch size in samples; null if unknown.</summary>
    public int? GlobalBatch { get; init; }

    /// <summary>
    /// Steps that change no weight, because the run diverged at them before; null if there are none. The one parameter that changes:
    /// the run adds to it whenever it goes back.
    /// </summary>
    public IReadOnlyList<StepRange>? PassedOver { get; init; }

    /// <summary>Number of times that the run may go back to a checkpoint because it diverged.</summary>
    public int Rollbacks { get; init; }

    /// <summary>Number of consecutive generations without a committed step after which the run fails.</summary>
    public int MaxFruitlessGenerations { get; init; } = 5;

    public RunTimeouts Timeouts { get; init; } = new();

    /// <summary>The argument of <c>cliptrain resume</c> if it is not the run's name: its directory.</summary>
    public string? ResumeAs { get; init; }
}

/// <summary>Timeouts of the coordinator.</summary>
public sealed record RunTimeouts
{
    /// <summary>Time for which the first generation waits for all <see cref="RunSpec.Workers"/>; then the minimum suffices.</summary>
    public TimeSpan Forming { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The lease: a worker that stays silent for this long is lost.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Time for the members of an ended generation to join again. Longer than a step, since a worker only notices between collectives.
    /// </summary>
    public TimeSpan Regroup { get; init; } = TimeSpan.FromSeconds(330);

    /// <summary>Time for the surviving worker that was asked to save to write its checkpoint.</summary>
    public TimeSpan Save { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Interval of the notice that the run waits for workers.</summary>
    public TimeSpan WaitingNotice { get; init; } = TimeSpan.FromMinutes(1);
}
