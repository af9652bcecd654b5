using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>What some samples should come to: a row of the loss for each of their targets.</summary>
/// <param name="Classes">What the rows should be classified as.</param>
/// <param name="Sample_n">int64, the sample that a row is of, counted from the part's first.</param>
internal sealed record SampleTargets(ClassTargets Classes, torch.Tensor Sample_n);

/// <summary>
/// What is predicted of a sample from its image: rows of features, which a linear layer classifies. Shapes: n rows of the
/// samples of a part, W their width.
/// </summary>
internal interface ISampleTask
{
    /// <summary>Names of the linear layer's weight and, where it has one, its bias. Both are fp32.</summary>
    (string Weight, string? Bias) Head { get; }

    /// <summary>How many rows of a batch count: the loss is their mean.</summary>
    long CountTargets(TrainingBatch batch);

    /// <summary>The targets of a part, on its device.</summary>
    SampleTargets Targets(BatchPart part);

    /// <summary>The model as a chain of segments from the part's images to rows nW, fp32.</summary>
    IReadOnlyList<Func<torch.Tensor, torch.Tensor>> Segments(BatchPart part);
}
