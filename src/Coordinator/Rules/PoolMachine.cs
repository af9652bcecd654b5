using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// A pool of devices as a pure function: (state, message, time) to (next state, leases to announce).
/// <para>Order: requests are served in rounds, in which each waiting experiment has one turn, and first come, first served within a
/// round and an experiment. A run that returns to the queue joins the current round, since it has work to lose.</para>
/// <para>The head of the queue is never overtaken, however many devices it wants. Backfill, small requests that pass a large
/// one while it waits, would keep more devices busy, but since the length of runs is unknown, a stream of small runs could delay a large
/// one forever. A request that the nodes present could not hold even if nothing else ran is passed, since that delays nothing. It keeps
/// its place for when more nodes come.</para>
/// <para>A run has all of its devices on one node if any node of the pool is large enough, and waits for that node. A larger run spans
/// nodes, with all devices of a worker on one.</para>
/// <para>When a device of a lease is lost, the whole lease is void. Its other devices become free once the experiment has stopped the
/// run and returned the lease, since the run's workers may still use them until then.</para>
/// </summary>
public static class PoolMachine
{
    /// <summary>A node that does not repeat its offer for this long is lost.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <exception cref="ArgumentException">An offer or a request is invalid.</exception>
    public static PoolResult Handle(PoolState state, PoolMessage message, DateTimeOffset now)
    {
        var next = message switch
        {
            PoolMessage.Offer offer => Offer(state, offer.Offered, now),
            PoolMessage.Withdraw withdraw => Withdraw(state, withdraw, now),
            PoolMessage.Acquire acquire => PoolQueue.Add(state, acquire.Requests),
            PoolMessage.Release release => PoolQueue.Remove(state, release.Attempts),
            PoolMessage.Forget forget => state with { Experiments = [.. state.Experiments.Where(name => name != forget.Experiment)] },
            PoolMessage.Tick => Tick(state, now),
            _ => throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "Unknown message."),
        };
        next = PoolQueue.Grant(next);

        // Unchanged leases, requests and offers are the same objects. The time of a node's last offer is not worth a write.
        var mustPersist =
            !next.Leases.SequenceEqual(state.Leases)
            || !next.Queue.SequenceEqual(state.Queue)
            || !next.Experiments.SequenceEqual(state.Experiments, StringComparer.Ordinal)
            || !next.Departed.SequenceEqual(state.Departed)
            || !next.Nodes.Select(node => node.Offer).SequenceEqual(state.Nodes.Select(node => node.Offer));

        // A tick announces every lease again: a message may have been lost, and it activates an experiment whose host died.
        return new PoolResult(next, mustPersist, [.. message is PoolMessage.Tick ? next.Leases : next.Leases.Except(state.Leases)]);
    }

    private static PoolState Offer(PoolState state, NodeOffer offer, DateTimeOffset now)
    {
        if (offer.Devices.Distinct(StringComparer.Ordinal).Count() != offer.Devices.Count)
        {
            throw new ArgumentException(
                $"Node {offer.Node} offers the devices [{string.Join(", ", offer.Devices)}]: each needs a unique name.",
                nameof(offer)
            );
        }

        var known = state.Nodes.FirstOrDefault(node => node.Offer.Node == offer.Node);
        var hasLeft = state.Departed.Any(gone => gone.Node == offer.Node && gone.Incarnation >= offer.Incarnation);
        if (known?.Offer.Incarnation > offer.Incarnation || hasLeft)
        {
            return state;
        }

        if (known?.Offer.Incarnation < offer.Incarnation)
        {
            state = Remove(state, node => node == known);
        }
        else if (
            known is not null
            && known.Offer.Host == offer.Host
            && known.Offer.Devices.SequenceEqual(offer.Devices, StringComparer.Ordinal)
        )
        {
            offer = known.Offer;
        }

        var nodes = state.Nodes.Where(node => node.Offer.Node != offer.Node).Append(new PoolNode(offer, now)).ToArray();
        Array.Sort(nodes, (left, right) => WorkerIds.Compare(left.Offer.Node, right.Offer.Node));
        state = Revoke(state with { Nodes = nodes });
        return state with { MostDevices = Math.Max(state.MostDevices, state.CountDevices()) };
    }

    /// <summary>Removes a node, and remembers that it left: an offer that it made before may be on the way.</summary>
    private static PoolState Withdraw(PoolState state, PoolMessage.Withdraw withdraw, DateTimeOffset now) =>
        Remove(
            state with
            {
                Departed =
                [
                    .. state.Departed.Where(gone => gone.Node != withdraw.Node),
                    new DepartedNode(withdraw.Node, withdraw.Incarnation, now),
                ],
            },
            node => node.Offer.Node == withdraw.Node && node.Offer.Incarnation <= withdraw.Incarnation
        );

    private static PoolState Remove(PoolState state, Func<PoolNode, bool> isGone) =>
        Revoke(state with { Nodes = [.. state.Nodes.Where(node => !isGone(node))] });

    /// <summary>Removes silent nodes. Time in which the pool itself did not tick does not count.</summary>
    private static PoolState Tick(PoolState state, DateTimeOffset now)
    {
        var absence = now - state.LastTick;
        if (absence >= Patience / 2)
        {
            state = state with
            {
                Nodes =
                [
                    .. state.Nodes.Select(node =>
                        node with
                        {
                            LastHeard = node.LastHeard + absence < now ? node.LastHeard + absence : now,
                        }
                    ),
                ],
            };
        }

        return Remove(
            state with
            {
                LastTick = now,
                Departed = [.. state.Departed.Where(gone => now - gone.Left < Patience)],
            },
            node => now - node.LastHeard >= Patience
        );
    }

    /// <summary>Voids the leases that have lost a device.</summary>
    private static PoolState Revoke(PoolState state)
    {
        var there = state.Nodes.SelectMany(node => node.Devices).ToHashSet();
        return state with { Leases = [.. state.Leases.Select(lease => lease.Devices.All(there.Contains) ? lease : Void(lease))] };

        Lease Void(Lease lease) =>
            lease with
            {
                Devices = [.. lease.Devices.Where(there.Contains)],
                Revoked = lease.Revoked ?? $"lost {string.Join(", ", lease.Devices.Where(device => !there.Contains(device)))}",
            };
    }
}
