using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Detects impossible step records. Records that pass go to the ledger for good.</summary>
internal static class RecordChecks
{
    private const int MaxCorpora = 1_024,
        MaxPhases = 64;

    public static string? Of(TurnContext turn, IReadOnlyList<StepRecord> records)
    {
        if (records.Count > RecordQueue.BatchRecords)
        {
            return $"it has {records.Count} records, and a heartbeat may have at most {RecordQueue.BatchRecords}";
        }

        var shares = 0L;
        var last = 0L;
        foreach (var record in records)
        {
            if (record?.Metrics is null || record.Shares is null)
            {
                return "one of its records is empty";
            }

            shares += record.Shares.Count;
            if (record.Metrics.Step <= last)
            {
                return $"the record of step {record.Metrics.Step} does not follow that of step {last}";
            }

            if (Of(turn, record) is { } wrong)
            {
                return $"the record of step {record.Metrics.Step}: {wrong}";
            }

            last = record.Metrics.Step;
        }

        return shares > RecordQueue.BatchShares && records.Count > 1
            ? $"its records have {shares} shares, and those of a heartbeat may have at most {RecordQueue.BatchShares}"
            : null;
    }

    private static string? Of(TurnContext turn, StepRecord record) =>
        record.Generation < 1
            ? $"there is no generation {record.Generation}"
            : MessageChecks.Step(turn, record.Metrics.Step) ?? Metrics(record.Metrics) ?? Shares(turn.State, record);

    /// <summary>A non-finite loss or gradient ends a worker before the update, so no committed step has one.</summary>
    private static string? Metrics(StepMetrics metrics)
    {
        return NotFinite("loss", metrics.Loss)
            ?? NotFinite("gradient norm", metrics.GradientNorm)
            ?? NotFinite("logit scale", metrics.LogitScale ?? 0)
            ?? NotFinite("logit bias", metrics.LogitBias ?? 0)
            ?? Negative("loss scale", metrics.LossScale ?? 0)
            ?? Negative("number of skipped steps", metrics.SkippedSteps ?? 0)
            ?? Negative("learning rate", metrics.LearningRate)
            ?? Negative("epoch", metrics.Epoch)
            ?? Negative("time", metrics.StepSeconds)
            ?? Negative("image rate", metrics.ImagesPerSecond)
            ?? Negative("data wait share", metrics.DataWaitShare)
            ?? Negative("number of samples", metrics.Samples)
            ?? Negative("number of bad samples", metrics.BadSamples)
            ?? Negative("number of truncated captions", metrics.TruncatedCaptions)
            ?? OfLoader(metrics.Loader)
            ?? Negative("utilisation", metrics.Mfu ?? 0)
            ?? Negative("speed-up of bf16", metrics.Bf16Speedup ?? 0)
            ?? OfTower("image", metrics.ImageTower)
            ?? OfTower("text", metrics.TextTower)
            ?? (
                metrics.Phases is { } phases
                && (phases.Count > MaxPhases || phases.Any(phase => !PlainText.IsName(phase.Key) || !IsCount(phase.Value)))
                    ? "its shares of phases are not well formed"
                    : null
            )
            ?? (
                metrics.Objective is { } objective && !PlainText.IsName(objective)
                    ? "the name of its objective is too long or has control characters"
                    : null
            )
            ?? (
                metrics.CorpusEpochs is { } epochs
                && (epochs.Count > MaxCorpora || epochs.Any(epoch => !PlainText.IsName(epoch.Key) || !IsCount(epoch.Value)))
                    ? "its epochs of corpora are not well formed"
                    : null
            );

        static string? NotFinite(string what, double value) =>
            double.IsFinite(value) ? null : FormattableString.Invariant($"the {what} is {value}");

        static string? Negative(string what, double value) => IsCount(value) ? null : FormattableString.Invariant($"the {what} is {value}");

        static string? OfTower(string name, TowerMetrics? tower) =>
            IsCount(tower?.GradientNorm ?? 0)
            && double.IsFinite(tower?.MeanCosine ?? 0)
            && IsCount(tower?.EffectiveRank ?? 0)
            && IsCount(tower?.Movement ?? 0)
                ? null
                : $"the figures of its {name} tower are not well formed";

        static string? OfLoader(LoaderMetrics? loader) =>
            loader is null
            || Stages(loader)
                .All(stage =>
                    stage is not null && IsCount(stage.Rate) && IsCount(stage.Busy) && IsCount(stage.Starved) && IsCount(stage.Blocked)
                )
                && loader.Threads is null or > 0
                && loader.Cores is null or > 0
                ? null
                : "the figures of its loader are not well formed";

        static StageMetrics?[] Stages(LoaderMetrics loader) => [loader.Read, loader.Decode, loader.Tokenize, loader.Assemble];
    }

    private static bool IsCount(double value) => value >= 0 && double.IsFinite(value);

    private static string? Shares(RunState state, StepRecord record)
    {
        if (state.Assignment is { } assignment && record.Generation == assignment.Generation && record.Shares.Count != assignment.WorldSize)
        {
            return $"it has {record.Shares.Count} shares for {assignment.WorldSize} ranks";
        }

        if (record.Shares.Count == 0 || record.Shares.Count > state.Spec.MaxWorkers)
        {
            return $"it has {record.Shares.Count} shares";
        }

        var samples = 0L;
        foreach (var share in record.Shares)
        {
            if (share.Samples < 0 || share.BadSamples < 0 || share.BadSamples > share.Samples || !IsCount(share.BusySeconds))
            {
                return $"a share has {share.Samples} samples, {share.BadSamples} of them bad, and {share.BusySeconds} busy seconds";
            }

            samples += share.Samples;
        }

        return state.Spec.GlobalBatch is { } batch && samples != batch
            ? $"its shares have {samples} samples of a global batch of {batch}"
            : null;
    }
}
