using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Tests;

/// <summary>Records of steps for rules to judge.</summary>
internal static class Records
{
    public const int Batch = 64;

    public static StepRecord Step(
        long step,
        double loss,
        double[]? busy = null,
        double dataWait = 0,
        double seconds = 1,
        long truncated = 0,
        int bad = 0
    ) =>
        new(
            Generation: 1,
            new StepMetrics
            {
                Step = step,
                Samples = Batch * step,
                Epoch = 0,
                Loss = loss,
                LogitScale = 20,
                GradientNorm = 1,
                LearningRate = 0.001,
                StepSeconds = seconds,
                ImagesPerSecond = Batch / seconds,
                DataWaitShare = dataWait,
                BadSamples = 0,
                TruncatedCaptions = truncated,
            },
            [.. (busy ?? [seconds]).Select(share => new StepShare(Batch / (busy?.Length ?? 1), bad, 0, share))]
        );

    /// <summary>Adds the state of the towers at every tenth step, as runs measure them.</summary>
    public static StepRecord WithTowers(StepRecord record, TowerMetrics? image, TowerMetrics? text) =>
        record.Metrics.Step % 10 != 0 ? record : record with { Metrics = record.Metrics with { ImageTower = image, TextTower = text } };
}
