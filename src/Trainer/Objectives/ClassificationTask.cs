using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Predicts the label of an image from the tower's feature.</summary>
internal sealed class ClassificationTask(ClipModel model) : ISampleTask
{
    public (string Weight, string? Bias) Head => (ClassifierHead.Weight, ClassifierHead.Bias);

    public long CountTargets(TrainingBatch batch) => batch.Count;

    public SampleTargets Targets(BatchPart part)
    {
        var labels_b = part.Batch.Labels_b ?? throw new ArgumentException("The batch has no labels.", nameof(part));
        return new SampleTargets(
            ClassTargets.Of(labels_b.narrow(0, part.Start, part.Count).to(part.Device)),
            arange(part.Count, int64).to(part.Device)
        );
    }

    public IReadOnlyList<Segment> Segments(BatchPart part) => model.FeatureSegments(part.KeptPatches, part.Statistics);
}
