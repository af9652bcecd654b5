using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A run's calls to the grains of its workers, nodes and generations.</summary>
internal sealed class RunPeers(IGrainFactory grains, string run, ILogger logger)
{
    /// <summary>
    /// Sends each worker's grain its shard and opens the generation's key-value store, before any rank learns its assignment.
    /// A grain whose host has just died must not hold up the others: a worker's grain asks for the shard itself, and ranks
    /// that cannot meet join again.
    /// </summary>
    /// <param name="term">Term of the calling activation.</param>
    /// <param name="assignment">Assignment of rank 0.</param>
    /// <param name="workers">Worker ids, by rank.</param>
    /// <param name="shards">By rank.</param>
    public async Task OpenGenerationAsync(long term, Assignment assignment, IReadOnlyList<string> workers, IReadOnlyList<Shard> shards)
    {
        await TryAsync(Rendezvous(assignment.Generation).OpenAsync());
        await Task.WhenAll(
            workers.Select(
                (worker, rank) => TryAsync(Worker(worker).AssignAsync(term, new WorkerShard(assignment with { Rank = rank }, shards[rank])))
            )
        );
    }

    /// <summary>
    /// Closes the generation's key-value store and asks its workers for a heartbeat, whose answer tells them to join again.
    /// </summary>
    /// <param name="before">The state in which the generation still ran.</param>
    public void CloseGeneration(RunState before)
    {
        _ = Rendezvous(before.Generation).CloseAsync();
        foreach (var member in before.Members.Where(member => member.IsAssigned))
        {
            _ = Worker(member.WorkerId).BeatNowAsync();
        }
    }

    /// <summary>Makes the grains of all nodes report one that falls silent.</summary>
    public void WatchNodes(IEnumerable<Node> nodes, TimeSpan lease)
    {
        foreach (var node in nodes)
        {
            _ = grains.GetGrain<INodeGrain>(NodeGrain.KeyOf(run, node.Id)).WatchAsync(node.Incarnation, lease);
        }
    }

    private IRendezvousGrain Rendezvous(int generation) => grains.GetGrain<IRendezvousGrain>(RendezvousGrain.KeyOf(run, generation));

    private IWorkerGrain Worker(string workerId) => grains.GetGrain<IWorkerGrain>(WorkerGrain.KeyOf(run, workerId));

    private async Task TryAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (Exception error) when (GrainCalls.WasUnanswered(error))
        {
            logger.LogWarning(error, "A grain of run {Run} could not be reached.", run);
        }
    }
}
