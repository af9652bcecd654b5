namespace ClipTrain.Cli.Evaluation;

/// <summary>Where a suite's images and texts are embedded.</summary>
/// <param name="Workers">Number of processes on this machine; 1 for this process alone.</param>
/// <param name="Device">cpu, cuda:N, or cuda, where process i uses device i.</param>
public sealed record EncodingPlan(int Workers, string Device)
{
    /// <summary>This process, on its CPU.</summary>
    public static EncodingPlan Alone { get; } = new(1, "cpu");

    /// <summary>The device of a process.</summary>
    public string DeviceOf(int process) => Device == "cuda" ? $"cuda:{process}" : Device;
}
