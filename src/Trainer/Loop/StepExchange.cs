using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.Trainer.Loop;

/// <summary>
/// One rank's row of the small all-gather that opens a step: the batch it has read and the directive it wants to follow after the
/// step. From the gathered rows every rank derives the same counts, records and decision.
/// </summary>
/// <param name="Samples">Usable samples in this rank's batch; <see cref="NoBatch"/> if the rank stops without one.</param>
/// <param name="BadSamples">Samples that could not be decoded.</param>
/// <param name="Directive">The directive; the strongest one of all ranks wins.</param>
/// <param name="Digest">Digest of the keys of all samples read, for the audit.</param>
/// <param name="BusyMicroseconds">Duration of the previous step in microseconds, without the time spent waiting for other ranks.</param>
/// <param name="TruncatedCaptions">Captions longer than the model's context.</param>
internal readonly record struct StepExchange(
    long Samples,
    long BadSamples,
    Directive Directive,
    ulong Digest,
    long BusyMicroseconds,
    long TruncatedCaptions
)
{
    private const long NoBatch = -1;

    /// <summary>True if this rank stops and has no batch.</summary>
    public bool IsWithoutBatch => Samples == NoBatch;

    /// <summary>This rank's part of the step, as the ledger records it.</summary>
    public StepShare Share => new((int)(Samples + BadSamples), (int)BadSamples, Digest, BusyMicroseconds / 1e6);

    /// <summary>The row of a rank with a batch, or of one that stops without a batch.</summary>
    public static StepExchange Of(Batch? batch, Directive directive, TimeSpan busy) =>
        batch is null
            ? new StepExchange(NoBatch, 0, directive, 0, 0, 0)
            : new StepExchange(
                batch.Count,
                batch.BadSamples,
                directive,
                batch.Digest,
                (long)busy.TotalMicroseconds,
                batch.TruncatedCaptions
            );

    /// <summary>The row as integers, the form in which the ranks gather it.</summary>
    public long[] ToRow() => [Samples, BadSamples, (long)Directive, unchecked((long)Digest), BusyMicroseconds, TruncatedCaptions];

    /// <summary>The inverse of <see cref="ToRow"/>.</summary>
    public static StepExchange FromRow(IReadOnlyList<long> row) =>
        new(row[0], row[1], (Directive)row[2], unchecked((ulong)row[3]), row[4], row[5]);
}
