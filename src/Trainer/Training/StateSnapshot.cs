using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Starting;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>
/// A training state in host memory: a copy to be written as a checkpoint by any thread, or one on its way into a
/// <see cref="TrainingState"/>. It has all weights, and the moments of all that are not locked or of a slice.
/// </summary>
public sealed class StateSnapshot : IDisposable
{
    private const string FirstMomentPrefix = "exp_avg.", SecondMomentPrefix = "exp_avg_sq.";

    private readonly FlatParameters _layout;

    /// <summary>Memory for a state, zero: files leave out the padding between parameters.</summary>
    internal StateSnapshot(FlatParameters layout, FlatSlice held, StateCounters counters)
    {
        (_layout, Held, Counters) = (layout, held, counters);
        using var scope = NewDisposeScope();
        Master = zeros(layout.Master.numel(), float32).DetachFromDisposeScope();
        FirstMoment = zeros(held.Length, float32).DetachFromDisposeScope();
        SecondMoment = zeros(held.Length, float32).DetachFromDisposeScope();
    }

    public long Step => Counters.Step;

    internal StateCounters Counters { get; }

    /// <summary>The part of the flat buffers whose moments it has.</summary>
    internal FlatSlice Held { get; }

    internal torch.Tensor Master { get; }

    internal torch.Tensor FirstMoment { get; }

    internal torch.Tensor SecondMoment { get; }

    /// <summary>Writes the checkpoint, for which all moments are needed; returns its directory.</summary>
    /// <param name="unrecorded">Records of steps in it that the run's ledger may lack.</param>
    public string Write(CheckpointDirectory checkpoints, string configHash, string corpusHash, int keep, IReadOnlyList<StepRecord> unrecorded)
    {
        using var scope = NewDisposeScope();
        return checkpoints.Write(
            new CheckpointState(Counters.Step, Counters.Samples, Counters.BadSamples, Counters.TrainingSeconds, configHash, corpusHash),
            Tensors(Master, ""),
            [.. Tensors(FirstMoment, FirstMomentPrefix), .. Tensors(SecondMoment, SecondMomentPrefix)],
            unrecorded,
            keep);
    }

    public void Dispose()
    {
        Master.Dispose();
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }

    /// <summary>Reads a checkpoint.</summary>
    /// <param name="layout">The parameters that it must have.</param>
    /// <exception cref="CheckpointException">The checkpoint is not whole, or is of another model, configuration or corpus.</exception>
    internal static StateSnapshot Read(FlatParameters layout, CheckpointDirectory checkpoints, long step, string configHash, string corpusHash)
    {
        var saved = checkpoints.Verify(step);
        var path = checkpoints.PathOf(step);
        if (saved.ConfigHash != configHash)
            throw new CheckpointException($"{path}: was written under another configuration. Resume with the run's own config.yaml, or begin a new run.");
        if (saved.CorpusHash != corpusHash)
            throw new CheckpointException($"{path}: was written with another corpus: its files have changed since. Restore them, or begin a new run.");
        var counters = new StateCounters(saved.Step, saved.Samples, saved.BadSamples, saved.TrainingSeconds);
        var snapshot = new StateSnapshot(layout, layout.Updated, counters);
        try
        {
            using var model = new SafetensorsFile(Path.Combine(path, CheckpointDirectory.ModelFile));
            using var optimizer = new SafetensorsFile(Path.Combine(path, CheckpointDirectory.OptimizerFile));
            layout.Read(model, snapshot.Master, "");
            layout.Read(optimizer, snapshot.FirstMoment, FirstMomentPrefix);
            layout.Read(optimizer, snapshot.SecondMoment, SecondMomentPrefix);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }

    /// <summary>A fresh state: the parameters' initial values, and moments of zero.</summary>
    internal static StateSnapshot Fresh(FlatParameters layout)
    {
        using var guard = no_grad();
        var snapshot = new StateSnapshot(layout, layout.Updated, new StateCounters(0, 0, 0, 0));
        snapshot.Master.copy_(layout.Master);
        return snapshot;
    }

    /// <summary>A fresh state with the weights that a run starts from.</summary>
    /// <param name="layout">The parameters, with their initial values.</param>
    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="CheckpointException">The weights cannot be read or do not fit.</exception>
    internal static StateSnapshot Begin(FlatParameters layout, RunOptions run)
    {
        using var guard = no_grad();
        var snapshot = Fresh(layout);
        try
        {
            using var weights = new StartWeights(run);
            weights.LoadInto(layout, snapshot.Master);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }

    private List<NamedTensor> Tensors(torch.Tensor buffer, string prefix) =>
    [
        .. _layout.In(buffer).OrderBy(spec => spec.Name, StringComparer.Ordinal)
            .Select(spec => new NamedTensor(prefix + spec.Name, spec.Shape, _layout.View(buffer, spec.Name).DataPointer())),
    ];
}
