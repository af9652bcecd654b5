using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// One forward pass of a batch through a tower and, once the gradient of its embeddings is known, the backward pass. The tower is a
/// chain of segments, each with its own graph: in backward, a segment's gradients are complete before the preceding segment starts.
/// With activation checkpointing (Chen et al. 2016, arXiv 1604.06174) only the inputs of the segments are stored, and backward
/// recomputes each segment. Nothing is stored for locked segments at the beginning of the chain; backward ends before them.
/// </summary>
/// <remarks>
/// Tensors belong to the dispose scope in which the pass is created; backward releases them earlier. Shapes: b batch, D embedding.
/// </remarks>
public sealed class TowerPass
{
    private readonly IReadOnlyList<Segment> _segments;
    private readonly int _locked;

    // Input and output (with its graph) of each trained segment. With activation checkpointing there are no outputs.
    private readonly Stack<torch.Tensor> _inputs = [],
        _outputs = [];

    /// <summary>Runs the chain on a batch. The batch itself gets no gradient.</summary>
    /// <param name="segments">The chain.</param>
    /// <param name="input">The batch.</param>
    /// <param name="checkpointing">Selects the activations that are recomputed in backward.</param>
    /// <param name="locked">Number of locked segments at the beginning of the chain.</param>
    public TowerPass(IReadOnlyList<Segment> segments, torch.Tensor input, ActivationCheckpointing checkpointing, int locked = 0)
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
            input = segment.Run(_inputs.Peek()).MoveToOuterDisposeScope();
            if (records)
            {
                _outputs.Push(input);
            }
        }

        Embedding_bD = records ? input.detach() : input;
    }

    /// <summary>Output of the tower, detached.</summary>
    public torch.Tensor Embedding_bD { get; }

    /// <summary>Runs a chain and keeps only its result (and, when recording, the graph that autograd needs).</summary>
    public static torch.Tensor Forward(IReadOnlyList<Segment> segments, torch.Tensor input)
    {
        var x = input;
        for (var i = 0; i < segments.Count; i++)
        {
            using var used = i > 0 ? x : null;
            using var scope = NewDisposeScope();
            x = segments[i].Run(x).MoveToOuterDisposeScope();
        }

        return x;
    }

    /// <summary>Adds the parameter gradients to their leaves. Can be called once: it consumes the pass.</summary>
    /// <param name="gradient_bD">∂loss/∂<see cref="Embedding_bD"/>.</param>
    /// <param name="done">Called with the index of each segment whose gradients are complete.</param>
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
            using (var output = _outputs.Count > 0 ? _outputs.Pop() : _segments[i].Run(x))
            {
                _segments[i].Backward(output, gradient);
            }

            if (!isFirst)
            {
                gradient = x.grad!.MoveToOuterDisposeScope();
            }

            done?.Invoke(i);
        }
    }
}
