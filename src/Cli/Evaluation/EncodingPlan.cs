using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Where a suite's sets are measured, and their images and texts embedded.</summary>
/// <param name="Workers">Number of processes on this machine; 1 for this process alone.</param>
/// <param name="Device">cpu, cuda:N, or cuda, where process i uses device i.</param>
/// <param name="Launch">Starts several processes: each one's command line for a model, a device and a number of threads.</param>
public sealed record EncodingPlan(int Workers, string Device, Func<SuiteModel, string, int, WorkerLaunch> Launch)
{
    /// <summary>Measures the sets elsewhere, so that only the rest is computed here; null to measure them here.</summary>
    public ISetSource? Sets { get; init; }

    /// <summary>This process, on its CPU.</summary>
    public static EncodingPlan Alone { get; } =
        new(1, "cpu", (_, _, _) => throw new InvalidOperationException("One process needs no other."));

    /// <summary>The device of a process.</summary>
    public string DeviceOf(int process) => Device == "cuda" ? $"cuda:{process}" : Device;
}
