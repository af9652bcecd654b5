using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019) over the flat buffers: one fused pass a range, which
/// also rounds the new weights to the compute type.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly TrainingOptions _options;

    public AdamW(FlatParameters parameters, TrainingOptions options)
    {
        (_parameters, _options) = (parameters, options);
        using var scope = NewDisposeScope();
        FirstMoment = zeros_like(parameters.Master).DetachFromDisposeScope();
        SecondMoment = zeros_like(parameters.Master).DetachFromDisposeScope();
    }

    /// <summary>Running mean of the gradient, laid out as the master weights.</summary>
    public torch.Tensor FirstMoment { get; }

    /// <summary>Running mean of the squared gradient, laid out as the master weights.</summary>
    public torch.Tensor SecondMoment { get; }

    /// <summary>Updates master and compute weights from the collected gradients.</summary>
    /// <param name="step">Number of the update, from 1.</param>
    /// <param name="learningRate">Its rate.</param>
    /// <param name="gradientScale">Factor on the gradients: below 1 when they are clipped.</param>
    public void Update(long step, double learningRate, double gradientScale)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var range in _parameters.Ranges)
        {
            optim.adamw_(
                Slice(_parameters.Master, range),
                Slice(_parameters.Gradients, range),
                Slice(FirstMoment, range),
                Slice(SecondMoment, range),
                range.InComputeType && _parameters.Compute is { } compute ? Slice(compute, range) : null,
                gradientScale,
                learningRate,
                _options.Beta1,
                _options.Beta2,
                _options.Epsilon,
                range.Decays ? _options.WeightDecay : 0,
                step);
        }
    }

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }

    private static torch.Tensor Slice(torch.Tensor buffer, OptimizerRange range) => buffer.narrow(0, range.Offset, range.Length);
}
