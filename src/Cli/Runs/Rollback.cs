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
    /// <summary>The steps that a rise of the loss noticed at a step is blamed on.</summary>
    public static StepRange CauseOf(long alertStep) => new(Math.Max(1, alertStep - Retention.BlamedSteps), alertStep);

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

    /// <summary>
    /// The first step of the history that the run is about to undo: it decided to go back, and ended before a generation that passes over
    /// the fault was in the ledger. Null if nothing is left to undo.
    /// </summary>
    /// <exception cref="WeightsException">The file is damaged.</exception>
    public static long? UndoneFrom(RunFiles files)
    {
        var passedOver = Read(files);

        // A copy of a run without its ledger was not going anywhere.
        return
            passedOver.Count > 0
            && FileRunLedger.Read(files.Ledger).LastOrDefault(entry => entry.Generation is not null)?.Generation is { } last
            ? passedOver.Except(last.PassedOver ?? []).Min(range => (long?)range.First)
            : null;
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
