using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// One pass of a batch through a tower and, once the gradient of its embeddings is known, back. The tower comes as a chain
/// of segments, functions of one tensor, each with a graph of its own: on the way back a segment's gradients are complete
/// before the one before it begins. With activation checkpointing (Chen et al. 2016, arXiv 1604.06174) only the segments'
/// inputs are kept, and the way back computes each segment again. Of segments at the beginning whose parameters are locked
/// nothing is kept: the way back ends before them.
/// </summary>
/// <remarks>Its tensors belong to the dispose scope that it was made in; the way back releases them sooner. b batch, D embedding.</remarks>
public sealed class TowerPass
{
    private readonly IReadOnlyList<Func<torch.Tensor, torch.Tensor>> _segments;
    private readonly int _locked;

    // What went into each segment that is not locked, and came out of it with its history; empty where it is computed again.
    private readonly Stack<torch.Tensor> _inputs = [],
        _outputs = [];

    /// <summary>Runs the chain on a batch, which itself gets no gradient.</summary>
    /// <param name="segments">The chain.</param>
    /// <param name="input">The batch.</param>
    /// <param name="checkpointing">What of the rest is kept for the way back.</param>
    /// <param name="locked">How many segments at the beginning are locked.</param>
    public TowerPass(
        IReadOnlyList<Func<torch.Tensor, torch.Tensor>> segments,
        torch.Tensor input,
        ActivationCheckpointing checkpointing,
        int locked = 0
    )
    {
        (_segments, _locked) = (segments, locked);
        if (locked > 0)
        {
            using var frozen = no_grad();
            input = Forward([.. segments.Take(locked)], input);
        }

        var records = checkpointing == ActivationCheckpointing.None;
        foreach (var segment in segments.Skip(locked))
        {
            _inputs.Push(records && _inputs.Count > 0 ? input.detach().requires_grad_() : input);
            using var guard = set_grad_enabled(records);
            using var scope = NewDisposeScope();
            input = Run(segment, _inputs.Count - 1 + locked, _inputs.Peek()).MoveToOuterDisposeScope();
            if (records)
                _outputs.Push(input);
        }

        Embedding_bD = records ? input.detach() : input;
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
            x = Run(segments[i], i, x).MoveToOuterDisposeScope();
        }

        return x;
    }

    /// <summary>A segment's output; an operator that refuses a shape is told of with the segment and what came in.</summary>
    private static torch.Tensor Run(Func<torch.Tensor, torch.Tensor> segment, int number, torch.Tensor input)
    {
        try
        {
            return segment(input);
        }
        catch (ExternalException error) when (!DeviceMemoryException.IsCauseOf(error))
        {
            throw new InvalidOperationException(
                $"Segment {number} of a tower cannot compute {TensorMemory.Describe(input)}: {error.Message}",
                error
            );
        }
    }

    /// <summary>Adds the parameters' gradients to those of their leaves. Once only: the pass is used up.</summary>
    /// <param name="gradient_bD">∂loss/∂<see cref="Embedding_bD"/>.</param>
    /// <param name="done">Told of each segment, by its number in the chain, whose gradients are complete.</param>
    public void Backward(torch.Tensor gradient_bD, Action<int>? done = null)
    {
        using var guard = enable_grad();
        var gradient = gradient_bD.detach();
        for (var i = _segments.Count - 1; i >= _locked; i--)
        {
            using var used = gradient;
            var isFirst = i == _locked;
            var input = _inputs.Pop();
            using var passed = isFirst ? null : input;
            using var scope = NewDisposeScope();
            var x = _outputs.Count > 0 || isFirst ? input : input.detach().requires_grad_();
            using (var output = _outputs.Count > 0 ? _outputs.Pop() : Run(_segments[i], i, x))
                Gradients.Run(output, gradient);
            if (!isFirst)
                gradient = x.grad!.MoveToOuterDisposeScope();
            done?.Invoke(i);
        }
    }
}
