namespace ClipTrain.Coordinator.Hosting;

/// <summary>How a worker process is started. Its identity and token are added as environment variables (<see cref="WorkerEnvironment"/>).</summary>
/// <param name="FileName">The program.</param>
/// <param name="Arguments">Its arguments; never a secret.</param>
public sealed record WorkerLaunch(string FileName, IReadOnlyList<string> Arguments)
{
    /// <summary>Variables that are set on top of this process's own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
