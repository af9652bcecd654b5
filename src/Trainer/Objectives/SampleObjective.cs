using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// A loss that is a mean over what is predicted of each sample by itself. So a micro-batch goes forward and back before the
/// next one begins; only the number of targets and the loss are exchanged, beside the gradients.
/// </summary>
internal sealed class SampleObjective(ClipModel model, TrainingOptions options, RankGroup group, ISampleTask task) : IObjective
{
    private readonly LinearCrossEntropy _loss = new(options.LossTileRows, options.LabelSmoothing);

    public ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale)
    {
        var parameters = model.Parameters;
        var statistics = new BatchStatistics(parameters);
        var parts = BatchPart.Cut(batch, options, statistics, parameters.Master.device, group.Statistics, counts);
        var targets = group.AllGather([task.CountTargets(batch)]).Sum(row => row[0]);
        if (targets == 0)
            throw new ArgumentException("The global batch has no usable sample.", nameof(batch));
        var losses_b = zeros([batch.Count], float32, parameters.Master.device);
        for (var i = 0; i < parts.Length - 1; i++)
        {
            using var scope = NewDisposeScope();
            var partBackward = Forward(parts[i], lossScale / targets, losses_b, reducer);
            reducer.Begin(accumulate: i > 0, reduce: false);
            partBackward();
            reducer.Finish();
        }

        // All ranks exchange the loss before any of them begins to reduce gradients: collectives have one order.
        var backward = parts.Length > 0 ? Forward(parts[^1], lossScale / targets, losses_b, reducer) : null;
        var loss = losses_b.to(float64).sum() / targets;
        group.AllReduceSum(loss);
        reducer.Begin(accumulate: parts.Length > 1);
        backward?.Invoke();
        statistics.Backward(RowTiles.Place(counts, group.Rank).Total);
        return new ObjectiveResult(loss.item<double>(), [("loss", losses_b.unsqueeze(1))]);
    }

    public void KeepWithinBounds() { }

    /// <summary>
    /// Adds the part's losses to its samples', leaves the linear layer's gradients, of the factor times the sum of losses, with its
    /// leaves, and returns the way back through the rest.
    /// </summary>
    private Action Forward(BatchPart part, double factor, torch.Tensor losses_b, GradientReducer reducer)
    {
        var (weight, bias) = (model.Parameters[task.Head.Weight], task.Head.Bias is { } name ? model.Parameters[name] : null);
        var (classes, sample_n) = task.Targets(part);
        var pass = new TowerPass(task.Segments(part), part.Images, options.ActivationCheckpointing, model.LockedImageSegments);
        var result = _loss.Compute(pass.Embedding_bD, weight, bias, classes, factor);
        using (no_grad())
            losses_b.narrow(0, part.Start, part.Count).index_add_(0, sample_n, result.Losses_n, 1);

        // The layer may be an embedding table too, whose own gradient is added to this one.
        autograd.backward([weight * 1.0], [result.WeightGradient_CW]);
        if (bias is not null)
            autograd.backward([bias * 1.0], [result.BiasGradient_C!]);
        return model.Trains(Tower.Image)
            ? () => pass.Backward(result.RowGradient_nW, segment => reducer.Collect(model.LeavesOf(Tower.Image, segment)))
            : () => { };
    }
}

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
