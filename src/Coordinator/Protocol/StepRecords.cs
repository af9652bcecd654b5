using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>One committed step: its metrics, and each rank's contribution, by rank.</summary>
public sealed record StepRecord(int Generation, StepMetrics Metrics, IReadOnlyList<StepShare> Shares);

/// <summary>One rank's part of a global batch.</summary>
/// <param name="Samples">Samples of its slice, including unusable ones.</param>
/// <param name="BadSamples">Number of unusable samples.</param>
/// <param name="Digest">Digest of the sample identities, in order.</param>
/// <param name="BusySeconds">Seconds of the previous step that the rank worked rather than waited for others; 0 if unknown.</param>
[method: JsonConstructor]
public readonly record struct StepShare(int Samples, int BadSamples, ulong Digest, double BusySeconds);

/// <summary>The workers of one generation, and the step that it started from.</summary>
/// <param name="Workers">Worker ids by rank.</param>
public sealed record GenerationRecord(int Generation, long StartStep, IReadOnlyList<string> Workers, DateTimeOffset Time)
{
    /// <summary><see cref="Shard.Digest"/> of each rank's shard, by rank; null in ledgers of versions without shards.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ulong>? Shards { get; init; }

    /// <summary>Steps that change no weight, because the run diverged at them before; null if there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<StepRange>? PassedOver { get; init; }
}

/// <summary>Consecutive steps, both ends included.</summary>
[method: JsonConstructor]
public readonly record struct StepRange(long First, long Last)
{
    public bool Contains(long step) => step >= First && step <= Last;
}

/// <summary>Metrics of one optimizer step; only times differ between ranks. Seconds are wall-clock time; rates count all workers.</summary>
public sealed record StepMetrics
{
    /// <summary>Step number, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Samples of the run so far.</summary>
    public required long Samples { get; init; }

    public required double Epoch { get; init; }

    public required double Loss { get; init; }

    /// <summary>Factor on the cosine similarities; null if the objective has none.</summary>
    public required double? LogitScale { get; init; }

    /// <summary>Gradient norm before clipping; 0 for a step that changed no weight.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>Learning rate; 0 for a step that changed no weight.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Time since the step before, or since the generation's start: a checkpoint between two steps counts.</summary>
    public required double StepSeconds { get; init; }

    public required double ImagesPerSecond { get; init; }

    /// <summary>Fraction of the step's time spent waiting for data.</summary>
    public required double DataWaitShare { get; init; }

    /// <summary>Unusable samples of the run so far.</summary>
    public required long BadSamples { get; init; }

    /// <summary>Captions of this step that are longer than the context, over all workers.</summary>
    public long TruncatedCaptions { get; init; }

    /// <summary>State of the data loader; null in files of older versions.</summary>
    public LoaderMetrics? Loader { get; init; }

    /// <summary>Value of training.objective; null in files of versions with a single objective.</summary>
    public string? Objective { get; init; }

    /// <summary>Bias added to the logits; null if the objective learns none.</summary>
    public double? LogitBias { get; init; }

    /// <summary>Epochs of each corpus of a mixture, by name; null for a single corpus.</summary>
    public IReadOnlyDictionary<string, double>? CorpusEpochs { get; init; }

    /// <summary>Loss scale in fp16; null for other types.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LossScale { get; init; }

    /// <summary>
    /// In fp16, steps of the run so far that changed no weight, after an overflow for the most part; null for other types.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SkippedSteps { get; init; }

    /// <summary>Share of the time of the last steps by phase, on the reporting rank; null between measurements and on GPUs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Phases { get; init; }

    /// <summary>
    /// Model FLOPs utilisation of the reporting rank over the last steps: operations of the towers as a share of what a large matrix
    /// product reaches on its device. Null between measurements.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Mfu { get; init; }

    /// <summary>
    /// Rate of bf16 matrix products on the reporting rank's device, as a multiple of those in fp32; null except in runs in fp32.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Bf16Speedup { get; init; }

    /// <summary>State of the image tower; null between measurements.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TowerMetrics? ImageTower { get; init; }

    /// <summary>State of the text tower; null between measurements, and if the objective has none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TowerMetrics? TextTower { get; init; }
}

/// <summary>State of a tower at one step. Embeddings are those of some samples of the reporting rank.</summary>
/// <param name="GradientNorm">
/// Norm of the tower's gradient over all ranks, before clipping; null if all its parameters are locked or a gradient overflowed.
/// </param>
/// <param name="MeanCosine">Mean cosine similarity of two samples; null without embeddings.</param>
/// <param name="EffectiveRank">Number of directions over which the embeddings spread; null without embeddings.</param>
public sealed record TowerMetrics(double? GradientNorm, double? MeanCosine, double? EffectiveRank)
{
    /// <summary>
    /// Change of the tower's trained weights since the measurement before, relative to their norm; null at the first one, and if all
    /// its parameters are locked.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Movement { get; init; }
}

/// <summary>Recent activity of one stage of the data loader.</summary>
/// <param name="Rate">Samples per second.</param>
/// <param name="Busy">Fraction of its threads' time spent working.</param>
/// <param name="Starved">Fraction spent waiting for the previous stage.</param>
/// <param name="Blocked">Fraction spent waiting for room in the next stage.</param>
public sealed record StageMetrics(double Rate, double Busy, double Starved, double Blocked);

/// <summary>
/// The data loader of rank 0 over the last seconds. One set of threads decodes, tokenizes and assembles; its waits count as decoding.
/// </summary>
/// <param name="QueuedSamples">Encoded samples in memory.</param>
/// <param name="QueuedBatches">Batches that are ready.</param>
public sealed record LoaderMetrics(
    StageMetrics Read,
    StageMetrics Decode,
    StageMetrics Tokenize,
    StageMetrics Assemble,
    long QueuedSamples,
    int QueuedBatches
)
{
    /// <summary>Decoding threads; null in files of older versions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Threads { get; init; }

    /// <summary>Cores that the worker may use; null in files of older versions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Cores { get; init; }
}

/// <summary>A line of the ledger; exactly one property is set.</summary>
/// <param name="After">Set in the first line of every segment.</param>
public sealed record LedgerEntry(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] GenerationRecord? Generation = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StepRecord? Step = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LedgerSeal? After = null
);

/// <summary>The valid length of a ledger segment.</summary>
/// <param name="Term">The segment's name; 0 if the new segment is the first.</param>
/// <param name="Bytes">Its length when the next segment began.</param>
public sealed record LedgerSeal([property: JsonPropertyName("epoch")] long Term, long Bytes);
