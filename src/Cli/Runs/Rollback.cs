using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Runs;

/// <summary>Files of a run that goes back because it diverged. The coordinator's rules decide whether it does.</summary>
internal static class Rollback
{
    /// <summary>Steps before a noticed rise of the loss that count as its cause: the rise is noticed in a mean over ten steps.</summary>
    private const int CauseSteps = 20;

    /// <summary>The steps that a rise of the loss noticed at a step is blamed on.</summary>
    public static StepRange CauseOf(long alertStep) => new(Math.Max(1, alertStep - CauseSteps), alertStep);

    /// <summary>The last complete checkpoint before the cause; null if there is none.</summary>
    public static CheckpointMark? CheckpointBefore(CheckpointDirectory checkpoints, StepRange cause) =>
        checkpoints.Steps().LastOrDefault(step => step < cause.First && checkpoints.IsComplete(step)) is var good and > 0
            ? new CheckpointMark(good, checkpoints.PathOf(good))
            : null;

    /// <summary>Keeps the steps to pass over for later resumes.</summary>
    /// <exception cref="WeightsException">They cannot be written.</exception>
    public static void Write(RunFiles files, IReadOnlyList<StepRange> passedOver)
    {
        try
        {
            WholeFile.Write(files.PassedOver, JsonSerializer.Serialize(passedOver, TelemetryJson.OneLine));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{files.PassedOver} cannot be written, so the run cannot go back: {error.Message}", error);
        }
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
