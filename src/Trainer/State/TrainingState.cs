using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// Everything of a run that a step changes: weights, moments and counters. All ranks hold the same, but that with
/// training.shard_optimizer each of several ranks holds the moments of its slice of the weights alone.
/// </summary>
public sealed class TrainingState : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly ulong _seed;

    /// <summary>A fresh state: initial weights drawn from the run's seed, moments zero.</summary>
    public TrainingState(RunOptions options, torch.Device? device = null, int rank = 0, int worldSize = 1)
    {
        (_options, _seed) = (options.Training, options.Seed);
        Model = new ClipModel(
            options.Model,
            options.Training.Precision,
            options.Seed,
            device,
            options.Training.Objective,
            options.Training
        );
        Optimizer = new AdamW(Model.Parameters, options.Training, options.Seed, HeldBy(rank, worldSize));
        LossScale = LossScale.Of(options.Training.Precision);
    }

    public ClipModel Model { get; }

    public AdamW Optimizer { get; private set; }

    /// <summary>Steps done, skipped ones included.</summary>
    public long Step { get; set; }

    /// <summary>Steps whose gradients overflowed, so that they changed no weight. They count as steps: data and schedule go on.</summary>
    public long SkippedSteps { get; set; }

    /// <summary>The factor on the next step's loss.</summary>
    public LossScale LossScale { get; set; }

    /// <summary>Pairs trained on.</summary>
    public long Samples { get; set; }

    /// <summary>Pairs that could not be used.</summary>
    public long BadSamples { get; set; }

    /// <summary>Wall seconds of training, over all resumes.</summary>
    public double TrainingSeconds { get; set; }

    internal StateCounters Counters =>
        new(Step, Samples, BadSamples, TrainingSeconds) { SkippedSteps = SkippedSteps, LossScale = LossScale };

    internal StateLayout Layout => new(Model.Parameters, _options);

    /// <summary>
    /// Takes another place among the ranks. Where that changes which moments are held, they are lost, and a checkpoint must be
    /// loaded or the state of a rank that holds all received.
    /// </summary>
    public void TakePlace(int rank, int worldSize)
    {
        var held = HeldBy(rank, worldSize);
        if (held == Optimizer.Held)
            return;
        Optimizer.Dispose();
        Optimizer = new AdamW(Model.Parameters, _options, _seed, held);
    }

    /// <summary>Copies weights, moments and counters to host memory, so that training can go on while they are written.</summary>
    /// <exception cref="InvalidOperationException">The moments are sharded: <see cref="StateTransfer.Gather"/> brings them
    /// together.</exception>
    public StateSnapshot Snapshot()
    {
        if (!Optimizer.HoldsAll)
            throw new InvalidOperationException("This rank holds the moments of its slice alone; the ranks' slices must be gathered.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var snapshot = new StateSnapshot(Layout, Optimizer.Held, Counters);
        snapshot.Weights.CopyFrom(Model.Parameters.Weights);
        snapshot.Moments.CopyFrom(Optimizer.Moments);
        return snapshot;
    }

    /// <summary>
    /// Overwrites this state with a checkpoint's. Of several ranks one reads and sends with <see cref="StateTransfer.Load"/>.
    /// </summary>
    /// <exception cref="WeightsException">The checkpoint is not whole, or is of another model, configuration or corpus.</exception>
    public void Load(CheckpointDirectory checkpoints, long step, string configHash, string corpusHash)
    {
        using var snapshot = SnapshotFiles.Read(Layout, checkpoints, step, configHash, corpusHash);
        Restore(snapshot);
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        Model.Dispose();
    }

    /// <summary>Overwrites this state with a snapshot's, which has at least the moments that are held here.</summary>
    internal void Restore(StateSnapshot snapshot)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (offset, length) = (Optimizer.Held.Offset - snapshot.Held.Offset, Optimizer.Held.Length);
        Model.Parameters.Weights.CopyFrom(snapshot.Weights);
        Model.Parameters.RefreshCompute();
        Optimizer.Moments.CopyFrom(snapshot.Moments.Slice(offset, length));
        (Step, Samples, BadSamples, TrainingSeconds) = snapshot.Counters;
        (SkippedSteps, LossScale) = (snapshot.Counters.SkippedSteps, snapshot.Counters.LossScale);
    }

    private FlatSlice HeldBy(int rank, int worldSize)
    {
        var updated = Model.Parameters.Updated;
        return _options.ShardOptimizer ? FlatSlice.Of(updated.Length, rank, worldSize) : updated;
    }
}
