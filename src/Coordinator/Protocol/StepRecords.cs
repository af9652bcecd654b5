using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>One committed step: what it measured, and what each rank contributed, by rank.</summary>
public sealed record StepRecord(int Generation, StepMetrics Metrics, IReadOnlyList<StepShare> Shares);

/// <summary>One rank's part of a global batch.</summary>
/// <param name="Samples">Samples of its slice, those that could not be used included.</param>
/// <param name="BadSamples">How many could not be used.</param>
/// <param name="Digest">Digest of which samples they were, in order.</param>
/// <param name="BusySeconds">Time of the step before that the rank spent on its own work, not waiting for others; 0 when unknown.</param>
[method: JsonConstructor]
public readonly record struct StepShare(int Samples, int BadSamples, ulong Digest, double BusySeconds);

/// <summary>One membership of the run, and the step that it started from.</summary>
/// <param name="Workers">Worker ids by rank.</param>
public sealed record GenerationRecord(int Generation, long StartStep, IReadOnlyList<string> Workers, DateTimeOffset Time)
{
    /// <summary><see cref="Shard.Digest"/> of each rank's shard, by rank; null in ledgers of versions without shards.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ulong>? Shards { get; init; }
}

/// <summary>One optimizer step, the same on every rank but for times. Seconds are wall seconds; rates are over all workers.</summary>
public sealed record StepMetrics
{
    /// <summary>Its number, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Samples of the run so far.</summary>
    public required long Samples { get; init; }

    public required double Epoch { get; init; }

    public required double Loss { get; init; }

    /// <summary>Factor on the cosine similarities; null where the objective compares none.</summary>
    public required double? LogitScale { get; init; }

    /// <summary>Before clipping; 0 of a step that changed no weight.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>0 of a step that changed no weight.</summary>
    public required double LearningRate { get; init; }

    public required double StepSeconds { get; init; }

    public required double ImagesPerSecond { get; init; }

    /// <summary>Share of the step's time that was spent waiting for data.</summary>
    public required double DataWaitShare { get; init; }

    /// <summary>Samples of the run so far that could not be used.</summary>
    public required long BadSamples { get; init; }

    /// <summary>Captions of this step that are longer than the context, over all workers.</summary>
    public long TruncatedCaptions { get; init; }

    /// <summary>How the data loader does; null in files of versions that did not tell.</summary>
    public LoaderMetrics? Loader { get; init; }

    /// <summary>What the loss is of, as training.objective names it; null in files of versions that had one.</summary>
    public string? Objective { get; init; }

    /// <summary>Added to the logits; null where the objective learns none.</summary>
    public double? LogitBias { get; init; }

    /// <summary>Epochs of each corpus of a mixture, by its name; null where there is one corpus.</summary>
    public IReadOnlyDictionary<string, double>? CorpusEpochs { get; init; }

    /// <summary>Factor that the loss had in fp16; null in other types.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LossScale { get; init; }

    /// <summary>Steps of the run so far whose gradients overflowed in fp16, so that they changed no weight; null in other types.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SkippedSteps { get; init; }
}

/// <summary>What a stage of the data loader did lately.</summary>
/// <param name="Rate">Samples a second.</param>
/// <param name="Busy">Share of its threads' time at work.</param>
/// <param name="Starved">Share waited for the stage before.</param>
/// <param name="Blocked">Share waited for room behind.</param>
public sealed record StageMetrics(double Rate, double Busy, double Starved, double Blocked);

/// <summary>
/// The data loader of rank 0 over the last seconds. The waits of the threads that decode, tokenize and assemble are told of decoding.
/// </summary>
/// <param name="QueuedSamples">Encoded samples in memory.</param>
/// <param name="QueuedBatches">Batches ready for the step.</param>
public sealed record LoaderMetrics(
    StageMetrics Read,
    StageMetrics Decode,
    StageMetrics Tokenize,
    StageMetrics Assemble,
    long QueuedSamples,
    int QueuedBatches
);

/// <summary>A line of the ledger: one of the three.</summary>
/// <param name="After">The first line of every segment.</param>
public sealed record LedgerEntry(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] GenerationRecord? Generation = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StepRecord? Step = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LedgerSeal? After = null
);

/// <summary>How much of a ledger's segment counts.</summary>
/// <param name="Epoch">The segment's name; 0 when the new one is the first.</param>
/// <param name="Bytes">Its length when the next one began.</param>
public sealed record LedgerSeal(long Epoch, long Bytes);
