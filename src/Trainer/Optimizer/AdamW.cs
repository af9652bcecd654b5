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
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019) over the flat buffers, or over the slice whose moments are held.
/// One fused pass per range decodes and encodes moments that are not fp32 and rounds the new weights to the compute type. Running
/// statistics of BatchNorms move towards the batch's statistics, which take the place of their gradients.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly TrainingOptions _options;
    private readonly ulong _seed;

    /// <param name="parameters">The parameters.</param>
    /// <param name="options">Betas, epsilon, weight decay and storage type of the moments.</param>
    /// <param name="seed">Seed of the run, for stochastic rounding.</param>
    /// <param name="held">The part of the layout to update; null for everything that a step changes.</param>
    public AdamW(FlatParameters parameters, TrainingOptions options, ulong seed, FlatSlice? held = null)
    {
        (_parameters, _options, _seed) = (parameters, options, seed);
        Held = held ?? parameters.Updated;
        Moments = AdamMoments.Zeros(Held.Length, options.Moments, parameters.Master.device);
    }

    /// <summary>The part of the layout whose moments are held.</summary>
    public FlatSlice Held { get; }

    /// <summary>True if this rank holds the moments of every trainable parameter.</summary>
    public bool HoldsAll => Held == _parameters.Updated;

    /// <summary>Moments of the weights in <see cref="Held"/>.</summary>
    public AdamMoments Moments { get; }

    /// <summary>Updates master and compute weights from the gradients. All moments must be held.</summary>
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
    /// Updates each rank's own slice and gathers the weights on every rank (ZeRO stage 1, Rajbhandari et al. 2020). The state does
    /// not change before all slices have arrived: until then they are in the gradient buffer, whose contents are lost. bf16 weights
    /// are rounded by the rank that updates them and travel as fp32.
    /// </summary>
    /// <param name="group">The ranks, which together hold all moments.</param>
    /// <param name="gradient">Gradient of this rank's slice, summed over the ranks.</param>
    /// <param name="step">Numbers of the update.</param>
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
            {
                Update(range, slice, own.Of(weights), own.Of(gradient), moments, null, step);
            }
        }

        group.AllGatherInto(_parameters.Gradients, weights);
        _parameters.Weights.CopyFrom(_parameters.Gradients);
        Moments.CopyFrom(moments);
        _parameters.RefreshCompute();
    }

    public void Dispose() => Moments.Dispose();

    /// <param name="range">The range that contains the slice.</param>
    /// <param name="slice">The part of the layout to update.</param>
    /// <param name="weights">Weights of the slice, like gradients and compute.</param>
    /// <param name="gradients">Summed over the ranks.</param>
    /// <param name="moments">Moments of <see cref="Held"/>.</param>
    /// <param name="compute">Receives the compute-type copy; null if there is none.</param>
    /// <param name="step">Numbers of the update.</param>
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

    /// <summary>
    /// A function of the step and the position in the layout only, so every rank rounds an element alike, whichever slice it holds.
    /// </summary>
    private StochasticRounding Rounding(RandomPurpose purpose, long step, FlatSlice slice)
    {
        var random = RandomStreams.Of(purpose, _seed, step);
        return new StochasticRounding(((ulong)random.NextUInt32() << 32) | random.NextUInt32(), slice.Offset);
    }
}

/// <summary>The numbers of an update.</summary>
/// <param name="Step">Number of the step, from 1; seeds the stochastic rounding.</param>
/// <param name="Updates">
/// Number of the update, from 1, for Adam's bias correction; smaller than the step's number if steps were skipped.
/// </param>
/// <param name="LearningRate">Learning rate.</param>
/// <param name="GradientScale">Factor on the gradients: clipping, and the inverse of the loss scale.</param>
public readonly record struct OptimizerStep(long Step, long Updates, double LearningRate, double GradientScale);
