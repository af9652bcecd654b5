using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Trainer.Runs;

/// <summary>
/// Shards the corpus over the ranks of a generation: a pure function of the sample order and the world size. The coordinator uses
/// it to assign shards to workers, and the audit to check them.
/// </summary>
public sealed class ShardPlan
{
    private readonly SampleOrder _order;
    private readonly (int File, int Group)[] _groups;

    public ShardPlan(CorpusManifest manifest, SampleOrder order)
    {
        _order = order;
        _groups = [.. manifest.RowGroupLocations()];
    }

    /// <summary>
    /// The shard that a rank reads from a step on: its part of every batch, and the row groups of the current epoch and the next.
    /// </summary>
    /// <param name="rank">Rank, from 0.</param>
    /// <param name="worldSize">Number of ranks.</param>
    /// <param name="step">Number of committed steps when reading begins.</param>
    public Shard Of(int rank, int worldSize, long step)
    {
        var (start, count) = SampleOrder.LocalSlice(_order.Schedule.GlobalBatch, rank, worldSize);
        var (firstLane, lanes) = _order.Schedule.LanesWithin(start, count);
        var epochs = new List<ShardEpoch>();
        for (var corpus = 0; corpus < _order.Schedule.Corpora; corpus++)
        {
            var current = _order.EpochOf(corpus, step);
            foreach (var epoch in new[] { current, current + 1 })
            {
                epochs.Add(
                    new ShardEpoch(
                        corpus,
                        epoch,
                        RowGroupRange.Merge(_order.RowGroupsOf(start, count, corpus, epoch).Select(number => _groups[number]))
                    )
                );
            }
        }

        return new Shard(firstLane, lanes, start, count, epochs);
    }

    /// <summary>The shards of all ranks, in rank order.</summary>
    public IReadOnlyList<Shard> Of(int worldSize, long step) =>
        [.. Enumerable.Range(0, worldSize).Select(rank => Of(rank, worldSize, step))];

    /// <summary>
    /// True if a shard contains a row group. A shard lists the row groups of its current and next epochs; those of later epochs
    /// follow from its part of every batch, which is fixed for the generation.
    /// </summary>
    /// <param name="epoch">Epoch of the corpus.</param>
    /// <param name="group">Index of the row group over all corpora.</param>
    public bool Holds(Shard shard, int corpus, long epoch, int group)
    {
        var (file, number) = _groups[group];
        return shard.Epochs.FirstOrDefault(known => known.Corpus == corpus && known.Epoch == epoch) is { } listed
            ? listed.Holds(file, number)
            : _order.RowGroupsOf(shard.BatchStart, shard.BatchCount, corpus, epoch).Contains(group);
    }

    /// <summary>
    /// A check to run before each read, given corpus, epoch and row group: a worker may read only its shard. A violation is a bug,
    /// reported before it can corrupt an epoch.
    /// </summary>
    /// <returns>An action that throws <see cref="InvalidOperationException"/> for a row group outside the shard.</returns>
    public Action<int, long, int> GuardOf(Shard shard) =>
        (corpus, epoch, group) =>
        {
            if (!Holds(shard, corpus, epoch, group))
            {
                throw new InvalidOperationException(
                    $"Row group {group}, in epoch {epoch} of corpus {corpus}, is not in this worker's shard: lanes {shard.FirstLane} "
                        + $"to {shard.FirstLane + shard.Lanes - 1}."
                );
            }
        };
}
