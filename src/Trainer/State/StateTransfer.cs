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
/// Moves states between ranks, a chunk at a time. All ranks call these together, and what arrives goes to memory of its own:
/// a state is overwritten when all has arrived, and a failed transfer leaves it as it was.
/// </summary>
public static class StateTransfer
{
    /// <summary>Gives every rank the state of one, as when it has come back without.</summary>
    /// <exception cref="InvalidOperationException">On all ranks: the source holds only a slice of the moments.</exception>
    public static void Broadcast(TrainingState state, RankGroup group, int sourceRank)
    {
        var isSource = group.Rank == sourceRank;
        using var arrived =
            Send(state, group, sourceRank, isSource && state.Optimizer.HoldsAll ? state.Snapshot() : null)
            ?? throw new InvalidOperationException(
                $"Rank {sourceRank} holds the moments of its slice alone; the others' must be loaded from a checkpoint."
            );
        if (!isSource)
            state.Restore(arrived);
    }

    /// <summary>
    /// Gives all ranks' fresh states the weights of rank 0's: processors of different makes draw weights that differ in their last bits.
    /// </summary>
    public static void ShareFresh(TrainingState state, RankGroup group)
    {
        using var arrived = Send(state, group, 0, group.Rank == 0 ? StateSnapshot.Fresh(state.Layout) : null)!;
        state.Restore(arrived);
    }

    /// <summary>Overwrites all ranks' states with a checkpoint's, which rank 0 reads.</summary>
    /// <exception cref="WeightsException">On all ranks: it is not whole, or is of another model, configuration or corpus.</exception>
    public static void Load(
        TrainingState state,
        RankGroup group,
        CheckpointDirectory checkpoints,
        long step,
        string configHash,
        string corpusHash
    ) => Load(state, group, checkpoints.PathOf(step), () => SnapshotFiles.Read(state.Layout, checkpoints, step, configHash, corpusHash));

    /// <summary>Gives all ranks' fresh states the weights that the run starts from, which rank 0 reads.</summary>
    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="WeightsException">On all ranks: they cannot be read or do not fit.</exception>
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
            Send(state, group, 0, read) ?? throw error ?? new WeightsException($"{path}: rank 0 could not load it and tells why.");
        state.Restore(arrived);
    }

    /// <summary>
    /// A copy of the state with all moments, on rank 0; null on the others. What is not sharded needs no communication, and a
    /// checkpoint of it is the same.
    /// </summary>
    public static StateSnapshot? Gather(TrainingState state, RankGroup group)
    {
        if (state.Optimizer.HoldsAll)
            return group.Rank == 0 ? state.Snapshot() : null;
        var (optimizer, parameters) = (state.Optimizer, state.Model.Parameters);
        var all = parameters.Updated;
        var whole = group.Rank == 0 ? new StateSnapshot(state.Layout, all, state.Counters) : null;
        try
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            whole?.Weights.CopyFrom(parameters.Weights);
            for (var rank = 0; rank < group.WorldSize; rank++)
                SendMoments(
                    new Sender(group, rank, parameters.Master.device),
                    FlatSlice.Of(all.Length, rank, group.WorldSize),
                    optimizer.Moments,
                    whole?.Moments,
                    all
                );

            return whole;
        }
        catch
        {
            whole?.Dispose();
            throw;
        }
    }

    /// <summary>The source's state with the moments that this rank holds, or null on all ranks when the source gives none.</summary>
    /// <param name="given">On the source: the whole state, which this takes over. On others nothing.</param>
    private static StateSnapshot? Send(TrainingState state, RankGroup group, int source, StateSnapshot? given)
    {
        var snapshot = given;
        try
        {
            var (isGiven, numbers) = (given is null ? 0L : 1L, (given?.Counters ?? state.Counters).ToNumbers());
            var header = group.AllGather([isGiven, .. numbers])[source];
            if (header[0] == 0)
                return null;
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var parameters = state.Model.Parameters;
            snapshot ??= new StateSnapshot(state.Layout, state.Optimizer.Held, StateCounters.FromNumbers(header.AsSpan(1)));
            var sender = new Sender(group, source, parameters.Master.device);
            foreach (var (weights, _) in snapshot.Weights.Parts)
                sender.Send(new FlatSlice(0, weights.numel()), weights, weights, new FlatSlice(0, weights.numel()));
            SendMoments(sender, parameters.Updated, snapshot.Moments, snapshot.Moments, snapshot.Held);
            return snapshot;
        }
        catch
        {
            snapshot?.Dispose();
            throw;
        }
    }

    /// <summary>Sends a slice of both moments: what they are kept in, and the scales of bytes.</summary>
    private static void SendMoments(Sender sender, FlatSlice slice, AdamMoments from, AdamMoments? into, FlatSlice place)
    {
        foreach (var (moment, target) in new[] { (from.First, into?.First), (from.Second, into?.Second) })
        {
            sender.Send(slice, moment.Values, target?.Values, place);
            if (moment.Scales is { } scales)
                sender.Send(slice.InBlocks, scales, target?.Scales, place.InBlocks);
        }
    }

    /// <summary>The rank that sends, to all.</summary>
    private readonly record struct Sender(RankGroup Group, int Rank, torch.Device Device)
    {
        public void Send(FlatSlice slice, torch.Tensor from, torch.Tensor? into, FlatSlice place) =>
            new FlatStream(Group, Rank, slice, Device).Send(from, into, place);
    }
}
