using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019) over the flat buffers, or over the slice of them whose
/// moments it holds: one fused pass a range, which decodes and encodes what is not kept in fp32 and rounds the new weights to
/// the compute type. BatchNorms' running
/// statistics move to what the batch had, which stands in their gradients' place.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly TrainingOptions _options;
    private readonly ulong _seed;

    /// <param name="parameters">The parameters.</param>
    /// <param name="options">Rates of decay, and what the moments are kept in.</param>
    /// <param name="seed">The run's, of stochastic rounding.</param>
    /// <param name="held">The part of the layout that is updated here; null for all that steps change.</param>
    public AdamW(FlatParameters parameters, TrainingOptions options, ulong seed, FlatSlice? held = null)
    {
        (_parameters, _options, _seed) = (parameters, options, seed);
        Held = held ?? parameters.Updated;
        Moments = new AdamMoments(Held.Length, options.Moments, parameters.Master.device);
    }

    /// <summary>The part of the layout whose moments are held.</summary>
    public FlatSlice Held { get; }

    /// <summary>Whether the moments of all weights are held that are not locked.</summary>
    public bool HoldsAll => Held == _parameters.Updated;

    /// <summary>Of the weights in <see cref="Held"/>.</summary>
    public AdamMoments Moments { get; }

    /// <summary>Updates master and compute weights from the collected gradients. All moments must be held.</summary>
    public void Update(in OptimizerStep step)
    {
        using var guard = no_grad();
        foreach (var range in _parameters.Ranges)
        {
            using var scope = NewDisposeScope();
            var slice = new FlatSlice(range.Offset, range.Length);
            var compute = range.InComputeType && _parameters.Compute is not null ? _parameters.ComputeOf(slice) : null;
            Update(
                range,
                slice,
                _parameters.Weights.Slice(slice.Offset, slice.Length),
                slice.Of(_parameters.Gradients),
                Moments,
                compute,
                step
            );
        }
    }

    /// <summary>
    /// Updates every rank's slice there and all weights everywhere (ZeRO stage 1, Rajbhandari et al. 2020). Nothing of the
    /// state changes before all slices have arrived: until then they are in the gradients' place, which are used up. Weights that
    /// are kept in bf16 are rounded to its values where they are updated, and travel as fp32.
    /// </summary>
    /// <param name="group">The ranks, which together hold the moments.</param>
    /// <param name="gradient">Of this rank's slice, summed over the ranks.</param>
    /// <param name="step">By what numbers.</param>
    public void UpdateSharded(RankGroup group, torch.Tensor gradient, in OptimizerStep step)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (weights, moments) = (_parameters.Weights.CopyOf(Held), Moments.Copy());
        foreach (var range in _parameters.Ranges)
        {
            var slice = Held.Intersect(new FlatSlice(range.Offset, range.Length));
            var own = slice.From(Held.Offset);
            if (slice.Length > 0)
                Update(range, slice, own.Of(weights), own.Of(gradient), moments, null, step);
        }

        group.AllGatherInto(_parameters.Gradients, weights);
        _parameters.Weights.CopyFrom(_parameters.Gradients);
        Moments.CopyFrom(moments);
        _parameters.RefreshCompute();
    }

    public void Dispose() => Moments.Dispose();

    /// <param name="range">What the slice is part of.</param>
    /// <param name="slice">The part of the layout that is updated.</param>
    /// <param name="weights">Of the slice, as gradients and compute are.</param>
    /// <param name="gradients">Summed over the ranks.</param>
    /// <param name="moments">Of <see cref="Held"/>.</param>
    /// <param name="compute">Receives a copy; null where there is none.</param>
    /// <param name="step">By what numbers.</param>
    private void Update(
        OptimizerRange range,
        FlatSlice slice,
        torch.Tensor weights,
        torch.Tensor gradients,
        AdamMoments moments,
        torch.Tensor? compute,
        in OptimizerStep step
    )
    {
        if (range.IsStatistic)
        {
            weights.lerp_(gradients, BatchNorm.Momentum);
            return;
        }

        var own = slice.From(Held.Offset);
        AdamWKernel.Apply(
            new AdamWBuffers(
                weights,
                gradients,
                moments.First.Slice(own.Offset, own.Length),
                moments.Second.Slice(own.Offset, own.Length),
                compute
            ),
            new AdamWStep(
                step.Updates,
                step.LearningRate * range.RateFactor,
                _options.Beta1,
                _options.Beta2,
                _options.Epsilon,
                range.Decays ? _options.WeightDecay : 0,
                step.GradientScale
            ),
            new AdamWRounding(
                range.IsNarrow ? Rounding(RandomPurpose.WeightRounding, step.Step, slice) : null,
                Rounding(RandomPurpose.MomentRounding, step.Step, slice)
            )
        );
    }

    /// <summary>Of a step and a place alone, so that any rank rounds an element alike, whichever part of the layout it holds.</summary>
    private StochasticRounding Rounding(RandomPurpose purpose, long step, FlatSlice slice)
    {
        var random = RandomStreams.Of(purpose, _seed, step);
        return new StochasticRounding(((ulong)random.NextUInt32() << 32) | random.NextUInt32(), slice.Offset);
    }
}

/// <summary>The numbers of an update.</summary>
/// <param name="Step">Number of the step, from 1: names the random numbers of stochastic rounding.</param>
/// <param name="Updates">Number of the update, from 1, by which Adam corrects its moments: less than the step's where steps were
/// skipped.</param>
/// <param name="LearningRate">Its rate.</param>
/// <param name="GradientScale">Factor on the gradients: below 1 when they are clipped, and without the loss scale.</param>
public readonly record struct OptimizerStep(long Step, long Updates, double LearningRate, double GradientScale);
