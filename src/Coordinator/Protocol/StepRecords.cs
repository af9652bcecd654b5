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
/// <param name="TruncatedCaptions">Captions of this step that are longer than the context, over all workers.</param>
/// <param name="LogitScale">Factor on the cosine similarities; null where the objective compares none.</param>
/// <param name="Loader">How the data loader does; null in files of versions that did not tell.</param>
/// <param name="Objective">What the loss is of, as training.objective names it; null in files of versions that had one.</param>
/// <param name="LogitBias">Added to the logits; null where the objective learns none.</param>
/// <param name="CorpusEpochs">Epochs of each corpus of a mixture, by its name; null where there is one corpus.</param>
public sealed record StepMetrics(
    long Step,
    long Samples,
    double Epoch,
    double Loss,
    double? LogitScale,
    double GradientNorm,
    double LearningRate,
    double StepSeconds,
    double ImagesPerSecond,
    double DataWaitShare,
    long BadSamples,
    long TruncatedCaptions = 0,
    LoaderMetrics? Loader = null,
    string? Objective = null,
    double? LogitBias = null,
    IReadOnlyDictionary<string, double>? CorpusEpochs = null);

/// <summary>What a stage of the data loader did lately.</summary>
/// <param name="Rate">Samples a second.</param>
/// <param name="Busy">Share of its threads' time at work.</param>
/// <param name="Starved">Share waited for the stage before.</param>
/// <param name="Blocked">Share waited for room behind.</param>
public sealed record StageMetrics(double Rate, double Busy, double Starved, double Blocked);

/// <summary>The data loader of rank 0 over the last seconds. The waits of the threads that decode, tokenize and assemble are told of decoding.</summary>
/// <param name="QueuedSamples">Encoded samples in memory.</param>
/// <param name="QueuedBatches">Batches ready for the step.</param>
public sealed record LoaderMetrics(StageMetrics Read, StageMetrics Decode, StageMetrics Tokenize, StageMetrics Assemble, long QueuedSamples, int QueuedBatches);

/// <summary>A line of the ledger: one of the three.</summary>
/// <param name="After">The first line of every segment.</param>
public sealed record LedgerEntry(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] GenerationRecord? Generation = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StepRecord? Step = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LedgerSeal? After = null);

/// <summary>How much of a ledger's segment counts.</summary>
/// <param name="Epoch">The segment's name; 0 when the new one is the first.</param>
/// <param name="Bytes">Its length when the next one began.</param>
public sealed record LedgerSeal(long Epoch, long Bytes);
