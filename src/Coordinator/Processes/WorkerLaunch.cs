namespace ClipTrain.Coordinator.Processes;

/// <summary>How a process is started.</summary>
/// <param name="FileName">The program.</param>
/// <param name="Arguments">Its arguments; never a secret, as every user of the machine can read them.</param>
public sealed record WorkerLaunch(string FileName, IReadOnlyList<string> Arguments)
{
    public const string TokenVariable = "CLIPTRAIN_TOKEN",
        WorkerVariable = "CLIPTRAIN_WORKER",
        StartVariable = "CLIPTRAIN_START";

    /// <summary>Variables that are set on top of this process' own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
