using ClipTrain.Coordinator.Protocol;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Loop;

/// <summary>Result of one step, the same on every rank.</summary>
/// <param name="GradientNorm">Global gradient norm before clipping; 0 if the step was skipped.</param>
/// <param name="LearningRate">Learning rate of the step; 0 if the step was skipped.</param>
/// <param name="LossScale">Factor on the loss; null except in fp16.</param>
public sealed record StepResult(
    double Loss,
    double GradientNorm,
    double LearningRate,
    double? LogitScale,
    double? LogitBias,
    double? LossScale = null
)
{
    /// <summary>State of the image tower; null between measurements, see <see cref="TrainingStep.MeasuredEvery"/>.</summary>
    public TowerMetrics? ImageTower { get; init; }

    /// <summary>State of the text tower; null between measurements, and if the objective has none.</summary>
    public TowerMetrics? TextTower { get; init; }
}

/// <summary>
/// One optimizer step: loss over the global batch, gradients, update. Gradients are all-reduced while backward is still running.
/// With a sharded optimizer each rank updates only its own slice and, where the backend supports reduce-scatter, receives only that
/// slice of the sum. A failed collective leaves the state unchanged.
/// </summary>
/// <remarks>
/// A gradient overflow in fp16 is not an error. Every rank sees it in the norm of the summed gradient, leaves weights, moments and
/// running statistics unchanged, halves the loss scale and counts the step as skipped. Samples and learning rate schedule advance;
/// Adam counts only updates.
/// </remarks>
public sealed class TrainingStep(
    TrainingState state,
    TrainingOptions options,
    RankGroup group,
    LearningRateSchedule schedule,
    StepTimer? timer = null
) : IDisposable
{
    /// <summary>Number of steps between measurements of the towers.</summary>
    public const int MeasuredEvery = 10;

    private readonly TowerNorms _norms = new(state.Model.Parameters, state.Model.Options);
    private readonly TowerMovement _movement = new(state.Model.Parameters, state.Model.Options);
    private readonly IObjective _objective = ObjectiveFactory.Create(state.Model, options, group, timer);

    // Reduce-scatter runs once after backward instead of bucket by bucket.
    private readonly bool _scatters = !state.Optimizer.HoldsAll && group.ScattersSums;
    private readonly GradientReducer _reducer = state.Model.Parameters.NewReducer(
        !state.Optimizer.HoldsAll && group.ScattersSums ? new RankGroup() : group
    );

    /// <summary>Time of each phase; null if it is not measured.</summary>
    public StepTimer? Timer => timer;

    /// <summary>Takes the next step and increments <see cref="TrainingState.Step"/>.</summary>
    /// <param name="batch">This rank's part of the global batch.</param>
    /// <param name="counts">Number of pairs on every rank.</param>
    /// <exception cref="NonFiniteException">
    /// Loss or gradients are NaN or infinite. Thrown on every rank, before anything is updated.
    /// </exception>
    public StepResult Take(TrainingBatch batch, ReadOnlySpan<long> counts)
    {
        using var scope = NewDisposeScope();
        var result = _objective.ComputeGradients(batch, counts, _reducer, state.LossScale.Factor);
        var (gradients, scaledNorm) = FinishGradients();
        var overflows = !double.IsFinite(scaledNorm);
        if (!double.IsFinite(result.Loss) || (overflows && !state.LossScale.CanShrink))
        {
            throw Diagnose(batch, result);
        }

        var isScaled = options.Precision == Precision.Fp16;
        var (scale, norm, rate) = (
            state.LossScale,
            overflows ? 0 : scaledNorm / state.LossScale.Factor,
            overflows ? 0 : schedule.At(state.Step)
        );
        var towers = (state.Step + 1) % MeasuredEvery == 0 ? Measure(gradients, overflows, result) : [null, null];
        if (overflows)
        {
            state.SkippedSteps++;
            state.LossScale = scale.AfterOverflow();
        }
        else
        {
            var clip = options.GradientClip > 0 && norm > options.GradientClip ? options.GradientClip / norm : 1;
            Update(gradients, new OptimizerStep(state.Step + 1, state.Step + 1 - state.SkippedSteps, rate, clip / scale.Factor));
            state.LossScale = isScaled ? scale.AfterUpdate() : scale;
        }

        state.Step++;
        foreach (var count in counts)
        {
            state.Samples += count;
        }

        return new StepResult(result.Loss, norm, rate, result.LogitScale, result.LogitBias, isScaled ? scale.Factor : null)
        {
            ImageTower = towers[(int)Tower.Image],
            TextTower = towers[(int)Tower.Text],
        };
    }

    /// <summary>State of the towers, by <see cref="Tower"/>, before the update. With sharded gradients, all ranks call it together.</summary>
    private TowerMetrics?[] Measure(torch.Tensor gradients, bool overflows, ObjectiveResult result)
    {
        var norms = _norms.Of(gradients, state.Optimizer.Held, state.Optimizer.HoldsAll ? null : group);
        var movements = _movement.Measure();
        return
        [
            Of(Tower.Image, result.Images_bD is { } images_bD ? EmbeddingSpread.Of(images_bD) : null),
            Of(Tower.Text, result.Texts_bD is { } texts_bD ? EmbeddingSpread.Of(texts_bD) : null),
        ];

        TowerMetrics? Of(Tower tower, EmbeddingSpread? spread)
        {
            var norm = overflows ? null : norms[(int)tower] / state.LossScale.Factor;
            return norm is null && spread is null
                ? null
                : new TowerMetrics(norm, spread?.MeanCosine, spread?.EffectiveRank) { Movement = movements[(int)tower] };
        }
    }

    private void Update(torch.Tensor gradients, in OptimizerStep step)
    {
        using var lap = timer?.Measure(StepPhase.Optimizer);
        state.IsUpdating = true;
        if (state.Optimizer.HoldsAll)
        {
            state.Optimizer.Update(step);
        }
        else
        {
            state.Optimizer.UpdateSharded(group, gradients, step);
        }

        _objective.KeepWithinBounds();
        state.IsUpdating = false;
    }

    /// <summary>Writes this rank's part of the gradients to the flat gradient buffer. Returns the loss over all ranks.</summary>
    internal double ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts)
    {
        using var own = state.Model.Parameters.NewReducer(new RankGroup());
        var loss = _objective.ComputeGradients(batch, counts, own, 1).Loss;
        own.Finish();
        return loss;
    }

    public void Dispose()
    {
        _movement.Dispose();
        _reducer.Dispose();
    }

    /// <summary>The gradient summed over the ranks, or this rank's slice of it, and the norm of the whole gradient.</summary>
    private (torch.Tensor Gradients, double Norm) FinishGradients()
    {
        using var lap = timer?.Measure(StepPhase.Reduction);
        var (gradients, trained) = (state.Model.Parameters.Gradients, state.Model.Parameters.Trained);
        group.Finish(_reducer);
        if (state.Optimizer.HoldsAll)
        {
            return (gradients, GradientNorm.Of(gradients, trained, group));
        }

        var held = state.Optimizer.Held;
        var slice = _scatters ? group.ReduceScatterSum(gradients) : gradients.narrow(0, held.Offset, held.Length);
        return (slice, GradientNorm.OfSlices(slice.narrow(0, 0, held.Intersect(trained).Length), group));
    }

    private NonFiniteException Diagnose(TrainingBatch batch, ObjectiveResult result)
    {
        foreach (var (name, values_bX) in result.BySample_bX)
        {
            // A sum is finite only if every term is.
            var sums_b = values_bX.sum(1L).to(CPU).AsSpan<float>().ToArray();
            var culprits = batch.Keys.Where((_, i) => !float.IsFinite(sums_b[i])).ToArray();
            if (culprits.Length > 0)
            {
                return new NonFiniteException(state.Step + 1, group.Rank, $"the {name}", culprits);
            }
        }

        var tensor = state.Model.Parameters.FirstNonFinite(state.Model.Parameters.Gradients);
        var what = tensor is null ? $"the loss ({result.Loss})" : $"the gradient of '{tensor}' (loss {result.Loss:G6})";
        return new NonFiniteException(state.Step + 1, group.Rank, what, batch.Keys);
    }
}
