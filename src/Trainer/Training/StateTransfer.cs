using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Training;

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
        using var arrived = Send(state, group, sourceRank, isSource && state.Optimizer.HoldsAll ? state.Snapshot() : null)
            ?? throw new InvalidOperationException($"Rank {sourceRank} holds the moments of its slice alone; the others' must be loaded from a checkpoint.");
        if (!isSource)
            state.Restore(arrived);
    }

    /// <summary>Gives all ranks' fresh states the weights of rank 0's: processors of different makes draw weights that differ in their last bits.</summary>
    public static void ShareFresh(TrainingState state, RankGroup group)
    {
        using var arrived = Send(state, group, 0, group.Rank == 0 ? StateSnapshot.Fresh(state.Model.Parameters) : null)!;
        state.Restore(arrived);
    }

    /// <summary>Overwrites all ranks' states with a checkpoint's, which rank 0 reads.</summary>
    /// <exception cref="CheckpointException">On all ranks: it is not whole, or is of another model, configuration or corpus.</exception>
    public static void Load(TrainingState state, RankGroup group, CheckpointDirectory checkpoints, long step, string configHash, string corpusHash) =>
        Load(state, group, checkpoints.PathOf(step), () => StateSnapshot.Read(state.Model.Parameters, checkpoints, step, configHash, corpusHash));

    /// <summary>Gives all ranks' fresh states the weights that the run starts from, which rank 0 reads.</summary>
    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="CheckpointException">On all ranks: they cannot be read or do not fit.</exception>
    public static void Begin(TrainingState state, RankGroup group, RunOptions run) =>
        Load(state, group, run.Training.StartFrom!, () => StateSnapshot.Begin(state.Model.Parameters, run));

    private static void Load(TrainingState state, RankGroup group, string path, Func<StateSnapshot> readOnFirst)
    {
        StateSnapshot? read = null;
        CheckpointException? error = null;
        if (group.Rank == 0)
        {
            try
            {
                read = readOnFirst();
            }
            catch (CheckpointException e)
            {
                error = e;
            }
        }

        using var arrived = Send(state, group, 0, read)
            ?? throw error ?? new CheckpointException($"{path}: rank 0 could not load it and tells why.");
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
        var whole = group.Rank == 0 ? new StateSnapshot(parameters, all, state.Counters) : null;
        try
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            whole?.Master.copy_(parameters.Master);
            for (var rank = 0; rank < group.WorldSize; rank++)
            {
                var stream = new FlatStream(group, rank, FlatSlice.Of(all.Length, rank, group.WorldSize), parameters.Master.device);
                stream.Send(optimizer.FirstMoment, whole?.FirstMoment, all);
                stream.Send(optimizer.SecondMoment, whole?.SecondMoment, all);
            }

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
            var all = new FlatSlice(0, parameters.Master.numel());
            snapshot ??= new StateSnapshot(parameters, state.Optimizer.Held, StateCounters.FromNumbers(header.AsSpan(1)));
            new FlatStream(group, source, all, parameters.Master.device).Send(snapshot.Master, snapshot.Master, all);
            var stream = new FlatStream(group, source, parameters.Updated, parameters.Master.device);
            stream.Send(snapshot.FirstMoment, snapshot.FirstMoment, snapshot.Held);
            stream.Send(snapshot.SecondMoment, snapshot.SecondMoment, snapshot.Held);
            return snapshot;
        }
        catch
        {
            snapshot?.Dispose();
            throw;
        }
    }
}
