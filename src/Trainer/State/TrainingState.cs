using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// Everything that a step changes: weights, moments and counters. Identical on all ranks, except that with training.shard_optimizer
/// each rank holds only its own slice of the moments.
/// </summary>
public sealed class TrainingState : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly ulong _seed;

    /// <summary>A fresh state: weights drawn from the run's seed, zero moments.</summary>
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

    /// <summary>Steps done, including skipped ones.</summary>
    public long Step { get; set; }

    /// <summary>True from the start of an update until its end: one that failed in between has left weights of two steps.</summary>
    public bool IsUpdating { get; set; }

    /// <summary>
    /// Steps that changed no weight: their gradients overflowed, they had no usable sample, or they were passed over. They count as steps,
    /// so data and schedule advance, but not as updates of Adam.
    /// </summary>
    public long SkippedSteps { get; set; }

    /// <summary>Loss scale of the next step.</summary>
    public LossScale LossScale { get; set; }

    /// <summary>Pairs trained on.</summary>
    public long Samples { get; set; }

    /// <summary>Samples that could not be used.</summary>
    public long BadSamples { get; set; }

    /// <summary>Training time in seconds of wall clock, over all resumes.</summary>
    public double TrainingSeconds { get; set; }

    internal StateCounters Counters =>
        new(Step, Samples, BadSamples, TrainingSeconds) { SkippedSteps = SkippedSteps, LossScale = LossScale };

    internal StateLayout Layout => new(Model.Parameters, _options);

    /// <summary>
    /// Changes rank and world size. If this changes which moments are held, they are lost: load a checkpoint, or receive the state
    /// of a rank that holds all of them.
    /// </summary>
    public void SetRank(int rank, int worldSize)
    {
        var held = HeldBy(rank, worldSize);
        if (held == Optimizer.Held)
        {
            return;
        }

        Optimizer.Dispose();
        Optimizer = new AdamW(Model.Parameters, _options, _seed, held);
    }

    /// <summary>Copies weights, moments and counters to host memory, so that training can continue while they are written.</summary>
    /// <exception cref="InvalidOperationException">The moments are sharded; use <see cref="StateTransfer.Gather"/>.</exception>
    public StateSnapshot Snapshot()
    {
        if (!Optimizer.HoldsAll)
        {
            throw new InvalidOperationException(
                "This rank holds only its own slice of the moments. Gather the slices with StateTransfer.Gather."
            );
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var snapshot = new StateSnapshot(Layout, Optimizer.Held, Counters);
        snapshot.Weights.CopyFrom(Model.Parameters.Weights);
        snapshot.Moments.CopyFrom(Optimizer.Moments);
        return snapshot;
    }

    /// <summary>
    /// Overwrites this state with a checkpoint. With several ranks use <see cref="StateTransfer.Load"/>: one rank reads and sends
    /// to the others.
    /// </summary>
    /// <exception cref="WeightsException">The checkpoint is damaged, or belongs to another model, configuration or corpus.</exception>
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

    /// <summary>Overwrites this state with a snapshot that has at least the moments held here.</summary>
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
