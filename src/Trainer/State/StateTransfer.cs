using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// Transfers training states between ranks, a chunk at a time. All ranks call these methods together. Data arrives in separate
/// buffers and overwrites the state only when it is complete, so a failed transfer leaves the state unchanged.
/// </summary>
public static class StateTransfer
{
    /// <summary>Sends one rank's state to all ranks, for example to a worker that has restarted.</summary>
    /// <exception cref="InvalidOperationException">The source holds only a slice of the moments. Thrown on all ranks.</exception>
    public static void Broadcast(TrainingState state, RankGroup group, int sourceRank)
    {
        var isSource = group.Rank == sourceRank;
        using var arrived =
            Send(state, group, sourceRank, isSource && state.Optimizer.HoldsAll ? state.Snapshot() : null)
            ?? throw new InvalidOperationException(
                $"Rank {sourceRank} holds only its own slice of the moments. Load the state from a checkpoint instead."
            );
        if (!isSource)
        {
            state.Restore(arrived);
        }
    }

    /// <summary>Copies rank 0's initial weights to all ranks: different CPUs draw weights that differ in their last bits.</summary>
    public static void ShareFresh(TrainingState state, RankGroup group)
    {
        using var arrived = Send(state, group, 0, group.Rank == 0 ? StateSnapshot.Fresh(state.Layout) : null)!;
        state.Restore(arrived);
    }

    /// <summary>Overwrites the state of all ranks with a checkpoint, which rank 0 reads.</summary>
    /// <exception cref="WeightsException">
    /// The checkpoint is damaged, or belongs to another model, configuration or corpus. Thrown on all ranks.
    /// </exception>
    public static void Load(
        TrainingState state,
        RankGroup group,
        CheckpointDirectory checkpoints,
        long step,
        string configHash,
        string corpusHash
    ) => Load(state, group, checkpoints.PathOf(step), () => SnapshotFiles.Read(state.Layout, checkpoints, step, configHash, corpusHash));

    /// <summary>Loads the initial weights of training.start_from on all ranks; rank 0 reads them.</summary>
    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="WeightsException">The weights cannot be read or do not fit the model. Thrown on all ranks.</exception>
    public static void Begin(TrainingState state, RankGroup group, RunOptions run) =>
        Load(
            state,
            group,
            run.Training.StartFrom!,
            () =>
            {
                using var weights = new StartWeights(run);
                return StateSnapshot.Begin(state.Layout, weights.LoadInto);
            }
        );

    private static void Load(TrainingState state, RankGroup group, string path, Func<StateSnapshot> readOnFirst)
    {
        StateSnapshot? read = null;
        WeightsException? error = null;
        if (group.Rank == 0)
        {
            try
            {
                read = readOnFirst();
            }
            catch (WeightsException e)
            {
                error = e;
            }
        }

        using var arrived =
            Send(state, group, 0, read)
            ?? throw error ?? new WeightsException($"{path}: rank 0 could not load it; its log has the reason.");
        state.Restore(arrived);
    }

    /// <summary>
    /// A copy of the state with all moments on rank 0; null on the other ranks. Gathers moments only if the optimizer is sharded;
    /// the resulting checkpoint is the same either way.
    /// </summary>
    public static StateSnapshot? Gather(TrainingState state, RankGroup group)
    {
        if (state.Optimizer.HoldsAll)
        {
            return group.Rank == 0 ? state.Snapshot() : null;
        }

        var (optimizer, parameters) = (state.Optimizer, state.Model.Parameters);
        var all = parameters.Updated;
        var whole = group.Rank == 0 ? new StateSnapshot(state.Layout, all, state.Counters) : null;
        try
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            whole?.Weights.CopyFrom(parameters.Weights);
            for (var rank = 0; rank < group.WorldSize; rank++)
            {
                SendMoments(
                    new Sender(group, rank, parameters.Master.device),
                    FlatSlice.Of(all.Length, rank, group.WorldSize),
                    optimizer.Moments,
                    whole?.Moments,
                    all
                );
            }

            return whole;
        }
        catch
        {
            whole?.Dispose();
            throw;
        }
    }

    /// <summary>The source's state with the moments that this rank holds; null on all ranks if the source has none.</summary>
    /// <param name="given">On the source: the whole state, whose ownership this method takes. Null on the other ranks.</param>
    private static StateSnapshot? Send(TrainingState state, RankGroup group, int source, StateSnapshot? given)
    {
        var snapshot = given;
        try
        {
            var (isGiven, numbers) = (given is null ? 0L : 1L, (given?.Counters ?? state.Counters).ToNumbers());
            var header = group.AllGather([isGiven, .. numbers])[source];
            if (header[0] == 0)
            {
                return null;
            }

            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var parameters = state.Model.Parameters;
            snapshot ??= new StateSnapshot(state.Layout, state.Optimizer.Held, StateCounters.FromNumbers(header.AsSpan(1)));
            var sender = new Sender(group, source, parameters.Master.device);
            foreach (var (weights, _) in snapshot.Weights.Parts)
            {
                sender.Send(new FlatSlice(0, weights.numel()), weights, weights, new FlatSlice(0, weights.numel()));
            }

            SendMoments(sender, parameters.Updated, snapshot.Moments, snapshot.Moments, snapshot.Held);
            return snapshot;
        }
        catch
        {
            snapshot?.Dispose();
            throw;
        }
    }

    /// <summary>Sends a slice of both moments: the stored values and, for int8, their scales.</summary>
    private static void SendMoments(Sender sender, FlatSlice slice, AdamMoments from, AdamMoments? into, FlatSlice covered)
    {
        foreach (var (moment, target) in new[] { (from.First, into?.First), (from.Second, into?.Second) })
        {
            sender.Send(slice, moment.Values, target?.Values, covered);
            if (moment.Scales is { } scales)
            {
                sender.Send(slice.InBlocks, scales, target?.Scales, covered.InBlocks);
            }
        }
    }

    /// <summary>The rank that sends to all others.</summary>
    private readonly record struct Sender(RankGroup Group, int Rank, torch.Device Device)
    {
        public void Send(FlatSlice slice, torch.Tensor from, torch.Tensor? into, FlatSlice covered) =>
            new FlatStream(Group, Rank, slice, Device).Send(from, into, covered);
    }
}
