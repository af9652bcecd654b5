using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loss;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimization;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>What a step did, the same on every rank.</summary>
public sealed record StepResult(double Loss, double GradientNorm, double LearningRate, double LogitScale);

/// <summary>
/// One optimizer step, written around the embeddings: towers forward, contrastive loss over all ranks' embeddings, its
/// gradients back through the towers, each summed over the ranks while the next is computed, update. Where the optimizer is
/// sharded, a rank updates its slice alone, and sums that alone where the ranks' network can. A failed collective leaves the state as the step before left it.
/// </summary>
public sealed class TrainingStep(TrainingState state, TrainingOptions options, RankGroup group, LearningRateSchedule schedule) : IDisposable
{
    private readonly ContrastiveLoss _loss = new(group, options.LossTileRows);
    private readonly distributed.GradientReducer? _reducer = !state.Optimizer.HoldsAll && group.ScattersSums ? null : state.Model.Parameters.NewReducer(group);

    /// <summary>Takes the step after <see cref="TrainingState.Step"/> and counts it.</summary>
    /// <param name="batch">This rank's share of the global batch.</param>
    /// <param name="counts">Pairs on every rank.</param>
    /// <exception cref="NonFiniteException">Before anything was updated; thrown on every rank.</exception>
    public StepResult Take(TrainingBatch batch, ReadOnlySpan<long> counts)
    {
        using var scope = NewDisposeScope();
        var parameters = state.Model.Parameters;
        var logitScale = state.Model.LogitScaleFactor(options.MaxLogitScale);
        var loss = BeginGradients(batch, counts, logitScale, _reducer, out var embeddings);
        var (gradients, norm) = FinishGradients();
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw Diagnose(batch, embeddings, loss);

        var rate = schedule.At(state.Step);
        var clip = options.GradientClip > 0 && norm > options.GradientClip ? options.GradientClip / norm : 1;
        if (state.Optimizer.HoldsAll)
            state.Optimizer.Update(state.Step + 1, rate, clip);
        else
            state.Optimizer.UpdateSharded(group, gradients, state.Step + 1, rate, clip);
        using (no_grad())
            parameters[ClipModel.LogitScale].clamp_(0, Math.Log(options.MaxLogitScale));
        state.Step++;
        foreach (var count in counts)
            state.Samples += count;
        return new StepResult(loss, norm, rate, logitScale);
    }

    /// <summary>Leaves this rank's part of the gradients in the flat gradient buffer, and returns the loss over all ranks.</summary>
    internal double ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, double logitScale) =>
        BeginGradients(batch, counts, logitScale, null, out _);

    public void Dispose() => _reducer?.Dispose();

    private double BeginGradients(TrainingBatch batch, ReadOnlySpan<long> counts, double logitScale, distributed.GradientReducer? reducer, out torch.Tensor[] embeddings)
    {
        var pass = new EncodingPass(state.Model, batch, options, group.Statistics, counts);

        // The texts travel while the images, the larger part of the work, are computed.
        var texts_bD = pass.EncodeTexts();
        using var gathering = group.BeginAllGatherRows(texts_bD, counts);
        var images_bD = pass.EncodeImages();
        embeddings = [images_bD, texts_bD];
        var result = _loss.Compute(images_bD, gathering.Wait(), counts, logitScale);
        long pairs = 0;
        foreach (var count in counts)
            pairs += count;
        pass.Backward(result.ImageGradient_bD, result.TextGradient_bD, result.LogitScaleGradient, pairs, reducer);
        return result.Loss;
    }

    /// <summary>The gradient summed over ranks, or this rank's slice of it, and the norm of the whole.</summary>
    private (torch.Tensor Gradients, double Norm) FinishGradients()
    {
        var (gradients, trained) = (state.Model.Parameters.Gradients, state.Model.Parameters.Trained);
        if (_reducer is not null)
            group.Finish(_reducer);
        if (state.Optimizer.HoldsAll)
            return (gradients, GradientNorm.Of(gradients, trained, group));
        var held = state.Optimizer.Held;
        var slice = _reducer is null ? group.ReduceScatterSum(gradients) : gradients.narrow(0, held.Offset, held.Length);
        return (slice, GradientNorm.OfSlices(slice.narrow(0, 0, held.Intersect(trained).Length), group));
    }

    private NonFiniteException Diagnose(TrainingBatch batch, torch.Tensor[] embeddings, double loss)
    {
        foreach (var (name, embedding_bD) in new[] { "image", "text" }.Zip(embeddings))
        {
            // A sum is finite only when every term is.
            var sums_b = embedding_bD.sum(1).to(CPU).AsSpan<float>().ToArray();
            var culprits = batch.Keys.Where((_, i) => !float.IsFinite(sums_b[i])).ToArray();
            if (culprits.Length > 0)
                return new NonFiniteException(state.Step + 1, group.Rank, $"the {name} embedding", culprits);
        }

        var tensor = state.Model.Parameters.FirstNonFinite(state.Model.Parameters.Gradients);
        var what = tensor is null ? $"the loss ({loss})" : $"the gradient of '{tensor}' (loss {loss:G6})";
        return new NonFiniteException(state.Step + 1, group.Rank, what, batch.Keys);
    }
}
