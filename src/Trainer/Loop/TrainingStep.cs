using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Loop;

/// <summary>What a step did, the same on every rank.</summary>
/// <param name="GradientNorm">Before clipping; 0 of a step that was skipped.</param>
/// <param name="LearningRate">0 of a step that was skipped.</param>
/// <param name="LossScale">The factor that the loss had; null but in fp16.</param>
public sealed record StepResult(
    double Loss,
    double GradientNorm,
    double LearningRate,
    double? LogitScale,
    double? LogitBias,
    double? LossScale = null
);

/// <summary>
/// One optimizer step: the objective's loss over the global batch, its gradients, each summed over the ranks while the next is
/// computed, update. Where the optimizer is sharded, a rank updates its slice alone, and sums that alone where the ranks' network
/// can. A failed collective leaves the state as the step before left it.
/// </summary>
/// <remarks>
/// In fp16 a gradient that overflows is no fault: every rank sees it in the norm of the sum, changes no weight, moment or running
/// statistic, halves the loss scale and counts the step as skipped. Samples and schedule go on; Adam counts updates alone.
/// </remarks>
public sealed class TrainingStep(TrainingState state, TrainingOptions options, RankGroup group, LearningRateSchedule schedule) : IDisposable
{
    private readonly IObjective _objective = ObjectiveFactory.Create(state.Model, options, group);

    // Sums that are scattered are exchanged in the end, and not bucket by bucket.
    private readonly bool _scatters = !state.Optimizer.HoldsAll && group.ScattersSums;
    private readonly GradientReducer _reducer = state.Model.Parameters.NewReducer(
        !state.Optimizer.HoldsAll && group.ScattersSums ? new RankGroup() : group
    );

    /// <summary>Takes the step after <see cref="TrainingState.Step"/> and counts it.</summary>
    /// <param name="batch">This rank's share of the global batch.</param>
    /// <param name="counts">Pairs on every rank.</param>
    /// <exception cref="NonFiniteException">Before anything was updated; thrown on every rank.</exception>
    public StepResult Take(TrainingBatch batch, ReadOnlySpan<long> counts)
    {
        using var scope = NewDisposeScope();
        var result = _objective.ComputeGradients(batch, counts, _reducer, state.LossScale.Factor);
        var (gradients, scaledNorm) = FinishGradients();
        var overflows = !double.IsFinite(scaledNorm);
        if (!double.IsFinite(result.Loss) || (overflows && !state.LossScale.CanShrink))
            throw Diagnose(batch, result);

        var isScaled = options.Precision == Precision.Fp16;
        var (scale, norm, rate) = (
            state.LossScale,
            overflows ? 0 : scaledNorm / state.LossScale.Factor,
            overflows ? 0 : schedule.At(state.Step)
        );
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
            state.Samples += count;
        return new StepResult(result.Loss, norm, rate, result.LogitScale, result.LogitBias, isScaled ? scale.Factor : null);
    }

    private void Update(torch.Tensor gradients, in OptimizerStep step)
    {
        if (state.Optimizer.HoldsAll)
            state.Optimizer.Update(step);
        else
            state.Optimizer.UpdateSharded(group, gradients, step);
        _objective.KeepWithinBounds();
    }

    /// <summary>Leaves this rank's part of the gradients in the flat gradient buffer, and returns the loss over all ranks.</summary>
    internal double ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts)
    {
        using var own = state.Model.Parameters.NewReducer(new RankGroup());
        var loss = _objective.ComputeGradients(batch, counts, own, 1).Loss;
        own.Finish();
        return loss;
    }

    public void Dispose() => _reducer.Dispose();

    /// <summary>The gradient summed over ranks, or this rank's slice of it, and the norm of the whole.</summary>
    private (torch.Tensor Gradients, double Norm) FinishGradients()
    {
        var (gradients, trained) = (state.Model.Parameters.Gradients, state.Model.Parameters.Trained);
        group.Finish(_reducer);
        if (state.Optimizer.HoldsAll)
            return (gradients, GradientNorm.Of(gradients, trained, group));
        var held = state.Optimizer.Held;
        var slice = _scatters ? group.ReduceScatterSum(gradients) : gradients.narrow(0, held.Offset, held.Length);
        return (slice, GradientNorm.OfSlices(slice.narrow(0, 0, held.Intersect(trained).Length), group));
    }

    private NonFiniteException Diagnose(TrainingBatch batch, ObjectiveResult result)
    {
        foreach (var (name, values_bX) in result.BySample_bX)
        {
            // A sum is finite only when every term is.
            var sums_b = values_bX.sum(1L).to(CPU).AsSpan<float>().ToArray();
            var culprits = batch.Keys.Where((_, i) => !float.IsFinite(sums_b[i])).ToArray();
            if (culprits.Length > 0)
                return new NonFiniteException(state.Step + 1, group.Rank, $"the {name}", culprits);
        }

        var tensor = state.Model.Parameters.FirstNonFinite(state.Model.Parameters.Gradients);
        var what = tensor is null ? $"the loss ({result.Loss})" : $"the gradient of '{tensor}' (loss {result.Loss:G6})";
        return new NonFiniteException(state.Step + 1, group.Rank, what, batch.Keys);
    }
}
