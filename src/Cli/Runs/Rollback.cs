using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Automatic response to a run that diverges: it goes back to the last checkpoint before the fault, and the batches at which it diverged
/// are read and recorded, but change no weight (as in PaLM's training, arXiv 2204.02311, section 5.1).
/// </summary>
internal static class Rollback
{
    /// <summary>Steps before a noticed rise of the loss that count as its cause: the rise is noticed in a mean over ten steps.</summary>
    private const int CauseSteps = 20;

    /// <summary>The steps that a rise of the loss noticed at a step is blamed on.</summary>
    public static StepRange CauseOf(long alertStep) => new(Math.Max(1, alertStep - CauseSteps), alertStep);

    /// <summary>The run as it continues after diverging; null if it may not go back once more, or has no checkpoint to go back to.</summary>
    /// <param name="run">The run as it diverged.</param>
    /// <param name="cause">Steps to pass over from now on.</param>
    /// <exception cref="WeightsException">The decision cannot be written to the run's directory.</exception>
    public static PreparedRun? After(PreparedRun run, StepRange cause)
    {
        var good = run.Checkpoints.Steps().LastOrDefault(step => step < cause.First && run.Checkpoints.IsComplete(step));
        if (run.PassedOver.Count >= run.Options.Checkpoint.Rollbacks || good == 0)
        {
            return null;
        }

        IReadOnlyList<StepRange> passedOver = [.. run.PassedOver, cause];
        try
        {
            var path = run.Files.PassedOver;
            File.WriteAllText(path + ".partial", JsonSerializer.Serialize(passedOver, TelemetryJson.OneLine));
            File.Move(path + ".partial", path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{run.Files.PassedOver} cannot be written, so the run does not go back: {error.Message}", error);
        }

        return run with
        {
            WantedStep = good,
            PassedOver = passedOver,
        };
    }

    /// <summary>The steps that a run passes over; empty if it never went back.</summary>
    /// <exception cref="WeightsException">The file is damaged.</exception>
    public static IReadOnlyList<StepRange> Read(RunFiles files)
    {
        try
        {
            return File.Exists(files.PassedOver)
                ? JsonSerializer.Deserialize<List<StepRange>>(File.ReadAllText(files.PassedOver), TelemetryJson.OneLine) ?? []
                : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new WeightsException(
                $"{files.PassedOver}: cannot be read ({error.Message}). Delete it to train on the steps that it passes over.",
                error
            );
        }
    }

    /// <summary>The steps in words.</summary>
    public static string Describe(IEnumerable<StepRange> ranges) =>
        string.Join(
            ", ",
            ranges.Select(range =>
                range.First == range.Last
                    ? string.Create(CultureInfo.InvariantCulture, $"{range.First}")
                    : string.Create(CultureInfo.InvariantCulture, $"{range.First} to {range.Last}")
            )
        );
}
