using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Tests.Shared;

internal static class Samples
{
    /// <summary>A step of two seconds and 64 images.</summary>
    public static StepMetrics Step(long step) =>
        new()
        {
            Step = step,
            Samples = step * 64,
            Epoch = step / 100.0,
            Loss = 1.0 / step,
            LogitScale = 14.25,
            GradientNorm = 0.5,
            LearningRate = 0.00048,
            StepSeconds = 2,
            ImagesPerSecond = 32,
            DataWaitShare = 0.125,
            BadSamples = 3,
            TruncatedCaptions = 5,
            Loader = new LoaderMetrics(
                new(900, 0.25, 0, 0.5),
                new(800, 0.75, 0.125, 0),
                new(800, 0.0625, 0, 0),
                new(800, 0.03125, 0, 0),
                QueuedSamples: 96,
                QueuedBatches: 4
            ),
        };
}
