using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>Collects the statistics that a model's BatchNorms see in one step, and passes them on to the running statistics.</summary>
/// <remarks>
/// A running statistic is a value in the flat buffer that the optimizer updates by a momentum instead of a learning rate. Its slot
/// in the gradient buffer holds the batch's statistic, averaged over micro-batches and ranks, weighted by pairs. It is therefore
/// summed over the ranks with the gradients, changes only if the weights do, is identical on every rank, and is part of every
/// checkpoint and transfer. Autograd records each pair exactly once a step, also with micro-batches and activation checkpointing.
/// Only recorded passes count, so a recomputed pass is not counted twice.
/// </remarks>
public sealed class BatchStatistics
{
    private readonly FlatParameters _parameters;
    private readonly Dictionary<string, torch.Tensor> _sums = new(StringComparer.Ordinal);

    /// <summary>Empty statistics. Their tensors belong to the current dispose scope.</summary>
    public BatchStatistics(FlatParameters parameters)
    {
        using var guard = no_grad();
        _parameters = parameters;
        foreach (var spec in parameters.Specs.Where(spec => spec is { IsStatistic: true, IsLocked: false }))
        {
            _sums.Add(spec.Name, zeros_like(parameters[spec.Name]));
        }
    }

    private BatchStatistics(BatchStatistics whole, RankStatistics ranks) =>
        (_parameters, _sums, OverRanks) = (whole._parameters, whole._sums, ranks);

    /// <summary>True if the statistic is collected; locked ones are not.</summary>
    public bool Has(string name) => _sums.ContainsKey(name);

    /// <summary>Statistics over all ranks to normalise with; null to use those of this rank's pairs.</summary>
    public RankStatistics? OverRanks { get; }

    /// <summary>A view for one micro-batch that is normalised over all ranks. Its observations are added to this object.</summary>
    /// <param name="ranks">The ranks that are synchronised.</param>
    /// <param name="pairs">Pairs of the micro-batch, over all ranks.</param>
    public BatchStatistics Over(RankGroup ranks, long pairs) =>
        new(this, new RankStatistics(ranks, pairs, BatchNorm.Of(_parameters), _parameters.Master.device));

    /// <summary>Adds a statistic of some pairs; ignored in a pass that autograd does not record.</summary>
    public void Observe(string name, torch.Tensor statistic, long pairs)
    {
        if (!is_grad_enabled())
        {
            return;
        }

        using var guard = no_grad();
        _sums[name].add_(statistic, pairs);
    }

    /// <summary>Writes the averages to the gradients of the statistics' leaves, as a backward pass does for weights.</summary>
    /// <param name="pairs">Pairs of the step, over all ranks.</param>
    public void Backward(long pairs)
    {
        if (_sums.Count == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var guard = enable_grad();
        autograd.backward([.. _sums.Keys.Select(name => _parameters[name] * 1.0)], [.. _sums.Values.Select(sum => sum / (double)pairs)]);
    }
}
