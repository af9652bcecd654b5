using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// One pass of a batch through a tower and, once the gradient of its embeddings is known, back. The tower comes as a chain
/// of segments, functions of one tensor, so that the pass may forget what lies between them: with activation checkpointing
/// (Chen et al. 2016, arXiv 1604.06174) only the segments' inputs are kept, and the way back computes each segment again.
/// Of segments at the beginning whose parameters are locked nothing is kept: the way back ends before them.
/// </summary>
/// <remarks>Its tensors belong to the dispose scope that it was made in; the way back releases them sooner. b batch, D embedding.</remarks>
public sealed class TowerPass
{
    private readonly IReadOnlyList<Func<torch.Tensor, torch.Tensor>> _segments;

    // Inputs of the segments, for as many as are computed again.
    private readonly Stack<torch.Tensor> _inputs = [];

    // The embeddings with their history, when nothing is computed again.
    private readonly torch.Tensor? _recorded_bD;

    /// <summary>Runs the chain on a batch, which itself gets no gradient.</summary>
    /// <param name="segments">The chain.</param>
    /// <param name="input">The batch.</param>
    /// <param name="checkpointing">What of the rest is kept for the way back.</param>
    /// <param name="locked">How many segments at the beginning are locked.</param>
    public TowerPass(IReadOnlyList<Func<torch.Tensor, torch.Tensor>> segments, torch.Tensor input, ActivationCheckpointing checkpointing, int locked = 0)
    {
        if (locked > 0)
        {
            using var frozen = no_grad();
            input = Forward([.. segments.Take(locked)], input);
            segments = [.. segments.Skip(locked)];
        }

        _segments = segments;
        if (checkpointing == ActivationCheckpointing.None)
        {
            _recorded_bD = Forward(segments, input);
            Embedding_bD = _recorded_bD.detach();
            return;
        }

        using var guard = no_grad();
        foreach (var segment in segments)
        {
            _inputs.Push(input);
            using var scope = NewDisposeScope();
            input = segment(input).MoveToOuterDisposeScope();
        }

        Embedding_bD = input;
    }

    /// <summary>What the tower makes of the batch, without history.</summary>
    public torch.Tensor Embedding_bD { get; }

    /// <summary>Runs a chain and keeps nothing but its result (and, when recording, what autograd needs).</summary>
    public static torch.Tensor Forward(IReadOnlyList<Func<torch.Tensor, torch.Tensor>> segments, torch.Tensor input)
    {
        var x = input;
        for (var i = 0; i < segments.Count; i++)
        {
            using var used = i > 0 ? x : null;
            using var scope = NewDisposeScope();
            x = segments[i](x).MoveToOuterDisposeScope();
        }

        return x;
    }

    /// <summary>Adds the parameters' gradients to those of their leaves. Once only: the pass is used up.</summary>
    /// <param name="gradient_bD">∂loss/∂<see cref="Embedding_bD"/>.</param>
    public void Backward(torch.Tensor gradient_bD)
    {
        if (_recorded_bD is not null)
        {
            autograd.backward([_recorded_bD], [gradient_bD]);
            _recorded_bD.Dispose();
            return;
        }

        using var guard = enable_grad();
        var gradient = gradient_bD.detach();
        for (var i = _segments.Count - 1; i > 0; i--)
        {
            using var used = gradient;
            using var input = _inputs.Pop();
            using var scope = NewDisposeScope();
            var x = input.detach().requires_grad_();
            autograd.backward([_segments[i](x)], [gradient]);
            gradient = x.grad!.MoveToOuterDisposeScope();
        }

        using var last = gradient;
        using var stemScope = NewDisposeScope();
        autograd.backward([_segments[0](_inputs.Pop())], [gradient]);
    }
}
