using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// What the BatchNorms of a model see of one step's batch, on its way into the running statistics.
/// </summary>
/// <remarks>
/// A running statistic is a value of the flat buffer that the optimizer moves by a momentum instead of a rate. Its place in
/// the gradient buffer holds the batch's statistic, averaged over micro-batches and ranks by their pairs. So it is summed over
/// ranks with the gradients, changes with the weights or not at all, is the same on every rank, and is part of every
/// checkpoint and transfer. Each pair is recorded by autograd exactly once a step, with micro-batches and with activation
/// checkpointing too; what is recorded is what counts, so that a pass that is made twice is counted once.
/// </remarks>
public sealed class BatchStatistics
{
    private readonly FlatParameters _parameters;
    private readonly Dictionary<string, torch.Tensor> _sums = new(StringComparer.Ordinal);

    /// <summary>Nothing seen yet. Its tensors belong to the dispose scope that it is made in.</summary>
    public BatchStatistics(FlatParameters parameters)
    {
        using var guard = no_grad();
        _parameters = parameters;
        foreach (var spec in parameters.Specs.Where(spec => spec is { IsStatistic: true, IsLocked: false }))
            _sums.Add(spec.Name, zeros_like(parameters[spec.Name]));
    }

    private BatchStatistics(BatchStatistics whole, RankStatistics ranks) =>
        (_parameters, _sums, OverRanks) = (whole._parameters, whole._sums, ranks);

    /// <summary>Whether a statistic is to be told of; one that is locked is not.</summary>
    public bool Has(string name) => _sums.ContainsKey(name);

    /// <summary>The statistics over all ranks to normalise with; null for those of what is computed at once.</summary>
    public RankStatistics? OverRanks { get; }

    /// <summary>Those of a micro-batch that is normalised over all ranks. What it observes goes to this object.</summary>
    /// <param name="ranks">All of them.</param>
    /// <param name="pairs">Pairs of the micro-batch on all of them.</param>
    public BatchStatistics Over(RankGroup ranks, long pairs) =>
        new(this, new RankStatistics(ranks, pairs, BatchNorm.Of(_parameters), _parameters.Master.device));

    /// <summary>Adds a statistic of some pairs, unless this is a pass that is not recorded.</summary>
    public void Observe(string name, torch.Tensor statistic, long pairs)
    {
        if (!is_grad_enabled())
            return;
        using var guard = no_grad();
        _sums[name].add_(statistic, pairs);
    }

    /// <summary>Makes the averages the gradients of the statistics' leaves, as a backward pass does those of weights.</summary>
    /// <param name="pairs">Pairs of the step, over all ranks.</param>
    public void Backward(long pairs)
    {
        if (_sums.Count == 0)
            return;
        using var scope = NewDisposeScope();
        using var guard = enable_grad();
        autograd.backward([.. _sums.Keys.Select(name => _parameters[name] * 1.0)], [.. _sums.Values.Select(sum => sum / (double)pairs)]);
    }
}
