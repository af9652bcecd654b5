namespace ClipTrain.Coordinator.Core;

/// <summary>What is fixed for a run before its first worker joins. It holds no secret: it is written to disk with the state.</summary>
/// <param name="RunId">Name of the run, as in <c>cliptrain resume RUN</c>.</param>
/// <param name="WorldSize">Number of workers; they are worker-0 … worker-(WorldSize − 1).</param>
/// <param name="CodeVersion">Every worker must run this build.</param>
/// <param name="ConfigHash">Every worker must have resolved its configuration to this hash.</param>
/// <param name="StoreHost">Host of the store through which process groups meet.</param>
/// <param name="StorePort">Port of that store.</param>
public sealed record RunSpec(string RunId, int WorldSize, string CodeVersion, string ConfigHash, string StoreHost, int StorePort)
{
    public RunTimeouts Timeouts { get; init; } = new();

    /// <summary>What a user types to resume the run, where that is not its name: its directory.</summary>
    public string? ResumeAs { get; init; }
}

/// <summary>How long the coordinator waits for what.</summary>
public sealed record RunTimeouts
{
    /// <summary>All workers must have joined this long after the run was created.</summary>
    public TimeSpan Forming { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The lease: a worker that is not heard of for this long is lost.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// After a failure, survivors must have reported within this time. Longer than a collective's own timeout, since a
    /// survivor finds out only when its collective fails.
    /// </summary>
    public TimeSpan Survivors { get; init; } = TimeSpan.FromSeconds(330);

    /// <summary>The survivor that was asked to save must have written its checkpoint within this time.</summary>
    public TimeSpan Save { get; init; } = TimeSpan.FromMinutes(5);
}
