using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019) over the flat buffers, or over the slice of them whose
/// moments it holds: one fused pass a range, which also rounds the new weights to the compute type. BatchNorms' running
/// statistics move to what the batch had, which stands in their gradients' place.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly TrainingOptions _options;
    private readonly ulong _seed;

    /// <param name="parameters">The parameters.</param>
    /// <param name="options">Rates of decay.</param>
    /// <param name="seed">The run's, of stochastic rounding.</param>
    /// <param name="held">The part of the flat buffers that is updated here; null for all that steps change.</param>
    public AdamW(FlatParameters parameters, TrainingOptions options, ulong seed, FlatSlice? held = null)
    {
        (_parameters, _options, _seed) = (parameters, options, seed);
        Held = held ?? parameters.Updated;
        using var scope = NewDisposeScope();
        FirstMoment = zeros([Held.Length], float32, parameters.Master.device).DetachFromDisposeScope();
        SecondMoment = zeros_like(FirstMoment).DetachFromDisposeScope();
    }

    /// <summary>The part of the flat buffers whose moments are held.</summary>
    public FlatSlice Held { get; }

    /// <summary>Whether the moments of all weights are held that are not locked.</summary>
    public bool HoldsAll => Held == _parameters.Updated;

    /// <summary>Running mean of the gradient, of the weights in <see cref="Held"/>.</summary>
    public torch.Tensor FirstMoment { get; }

    /// <summary>Running mean of the squared gradient, of the weights in <see cref="Held"/>.</summary>
    public torch.Tensor SecondMoment { get; }

    /// <summary>Updates master and compute weights from the collected gradients. All moments must be held.</summary>
    /// <param name="step">Number of the update, from 1.</param>
    /// <param name="learningRate">Its rate.</param>
    /// <param name="gradientScale">Factor on the gradients: below 1 when they are clipped.</param>
    public void Update(long step, double learningRate, double gradientScale) =>
        Update(_parameters.Master, _parameters.Gradients, FirstMoment, SecondMoment, _parameters.Compute, step, learningRate, gradientScale);

    /// <summary>
    /// Updates every rank's slice there and all weights everywhere (ZeRO stage 1, Rajbhandari et al. 2020). Nothing of the
    /// state changes before all slices have arrived: until then they are in the gradients' place, which are used up.
    /// </summary>
    /// <param name="group">The ranks, which together hold the moments.</param>
    /// <param name="gradient">Of this rank's slice, summed over the ranks.</param>
    /// <inheritdoc cref="Update(long, double, double)"/>
    public void UpdateSharded(RankGroup group, torch.Tensor gradient, long step, double learningRate, double gradientScale)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var master = _parameters.Master.narrow(0, Held.Offset, Held.Length).clone();
        var (firstMoment, secondMoment) = (FirstMoment.clone(), SecondMoment.clone());
        Update(master, gradient, firstMoment, secondMoment, null, step, learningRate, gradientScale);
        group.AllGatherInto(_parameters.Gradients, master);

        _parameters.Master.narrow(0, 0, _parameters.Updated.Length).copy_(_parameters.Gradients);
        FirstMoment.copy_(firstMoment);
        SecondMoment.copy_(secondMoment);
        _parameters.RefreshCompute();
    }

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }

    /// <summary>Buffers begin where <see cref="Held"/> does.</summary>
    private void Update(
        torch.Tensor master,
        torch.Tensor gradients,
        torch.Tensor firstMoment,
        torch.Tensor secondMoment,
        torch.Tensor? compute,
        long step,
        double learningRate,
        double gradientScale)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var range in _parameters.Ranges)
        {
            var (offset, length) = Held.Intersect(new FlatSlice(range.Offset, range.Length));
            if (length == 0)
                continue;
            torch.Tensor Part(torch.Tensor buffer) => buffer.narrow(0, offset - Held.Offset, length);
            if (range.IsStatistic)
            {
                Part(master).lerp_(Part(gradients), BatchNorm.Momentum);
                continue;
            }

            AdamWKernel.Apply(
                new AdamWBuffers(Part(master), Part(gradients), Part(firstMoment), Part(secondMoment), range.InComputeType && compute is not null ? Part(compute) : null),
                new AdamWStep(step, learningRate * range.RateFactor, _options.Beta1, _options.Beta2, _options.Epsilon, range.Decays ? _options.WeightDecay : 0, gradientScale),
                range.IsRounded ? new StochasticRounding(RoundingKey(step), offset) : null);
        }
    }

    /// <summary>Of a step alone, so that any rank rounds an element alike, whichever part of the buffers it holds.</summary>
    private ulong RoundingKey(long step)
    {
        var random = RandomStreams.Of(RandomPurpose.WeightRounding, _seed, step);
        return ((ulong)random.NextUInt32() << 32) | random.NextUInt32();
    }
}
