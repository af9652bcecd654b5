using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// A loss that is a mean over per-sample predictions, so each micro-batch runs forward and backward before the next one starts. The
/// ranks exchange only the number of targets, the loss and the gradients.
/// </summary>
internal sealed class SampleObjective(ClipModel model, TrainingOptions options, RankGroup group, ISampleTask task, StepTimer? timer)
    : IObjective
{
    private readonly LinearCrossEntropy _loss = new(options.LossTileRows, options.LabelSmoothing);

    public ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale)
    {
        var parameters = model.Parameters;
        var statistics = new BatchStatistics(parameters);
        var parts = BatchPart.Cut(batch, options, statistics, parameters.Master.device, group.Statistics, counts);
        var targets = group.AllGather([task.CountTargets(batch)]).Sum(row => row[0]);
        if (targets == 0)
        {
            throw new ArgumentException("The global batch has no usable sample.", nameof(batch));
        }

        var losses_b = zeros([batch.Count], float32, parameters.Master.device);
        for (var i = 0; i < parts.Length - 1; i++)
        {
            using var scope = NewDisposeScope();
            var partBackward = Forward(parts[i], lossScale / targets, losses_b, reducer);
            reducer.Begin(accumulate: i > 0, reduce: false);
            partBackward();
            reducer.Finish();
        }

        // All ranks exchange the loss before any of them starts to reduce gradients: collectives must have the same order everywhere.
        var backward = parts.Length > 0 ? Forward(parts[^1], lossScale / targets, losses_b, reducer) : null;
        var loss = losses_b.to(float64).sum() / targets;
        group.AllReduceSum(loss);
        reducer.Begin(accumulate: parts.Length > 1);
        backward?.Invoke();
        statistics.Backward(RowTiles.LocalRows(counts, group.Rank).Total);
        return new ObjectiveResult(loss.item<double>(), [("loss", losses_b.unsqueeze(1))]);
    }

    public void KeepWithinBounds() { }

    /// <summary>
    /// Runs forward for one part. Adds its losses to <paramref name="losses_b"/>, leaves the gradients of the linear layer in its
    /// leaves, scaled by <paramref name="factor"/>, and returns the backward pass through the rest of the model.
    /// </summary>
    private Action Forward(BatchPart part, double factor, torch.Tensor losses_b, GradientReducer reducer)
    {
        var (weight, bias) = (model.Parameters[task.Head.Weight], task.Head.Bias is { } name ? model.Parameters[name] : null);
        var (classes, sample_n) = task.Targets(part);
        TowerPass pass;
        using (timer?.Measure(StepPhase.ImageForward))
        {
            pass = new TowerPass(task.Segments(part), part.Images, options.ActivationCheckpointing, model.LockedImageSegments);
        }

        using var lap = timer?.Measure(StepPhase.Loss);
        var result = RejectedTensorException.Guard(
            "the loss",
            () => _loss.Compute(pass.Embedding_bD, weight, bias, classes, factor),
            ("features", pass.Embedding_bD),
            (task.Head.Weight, weight),
            ("target classes", classes.Classes_nK)
        );
        using (no_grad())
        {
            losses_b.narrow(0, part.Start, part.Count).index_add_(0, sample_n, result.Losses_n, 1);
        }

        // The layer may also be the embedding table, whose own gradient is added to this one.
        autograd.backward([weight * 1.0], [result.WeightGradient_CW]);
        if (bias is not null)
        {
            autograd.backward([bias * 1.0], [result.BiasGradient_C!]);
        }

        return () =>
        {
            if (model.Trains(Tower.Image))
            {
                using var backward = timer?.Measure(StepPhase.ImageBackward);
                pass.Backward(result.RowGradient_nW, segment => reducer.Collect(model.LeavesOf(Tower.Image, segment)));
            }
        };
    }
}

/// <summary>Targets of some samples: a row of the loss for each.</summary>
/// <param name="Classes">Target classes of the rows.</param>
/// <param name="Sample_n">int64, the sample of each row, counted from the first one of the part.</param>
internal sealed record SampleTargets(ClassTargets Classes, torch.Tensor Sample_n);

/// <summary>
/// A prediction from an image: rows of features that a linear layer classifies. Shapes: n rows of a part's samples, W width.
/// </summary>
internal interface ISampleTask
{
    /// <summary>Names of the linear layer's weight and bias (null if it has none). Both are fp32.</summary>
    (string Weight, string? Bias) Head { get; }

    /// <summary>Number of rows of a batch that count; the loss is their mean.</summary>
    long CountTargets(TrainingBatch batch);

    /// <summary>The targets of a part, on its device.</summary>
    SampleTargets Targets(BatchPart part);

    /// <summary>The model as a chain of segments from the part's images to rows nW, fp32.</summary>
    IReadOnlyList<Segment> Segments(BatchPart part);
}
