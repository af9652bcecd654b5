using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Assigns managed workers to nodes. A worker occupies a slot of its node from its start until its exit is reported or the node is lost.
/// Workers without a node are placed in natural order, each on the node with the most free slots.
/// </summary>
internal static class Placement
{
    public static RunReply Join(TurnContext turn, Node node)
    {
        if (MessageChecks.Of(node) is { } wrong)
        {
            return Refusals.Invalid(turn, node.Id, wrong);
        }

        var known = turn.State.Nodes.FirstOrDefault(other => string.Equals(other.Id, node.Id, StringComparison.Ordinal));
        if (known == node || turn.State.HasEnded)
        {
            return new RunReply.Accepted();
        }

        turn.Change(
            turn.State with
            {
                Nodes =
                [
                    .. turn.State.Nodes.Where(other => other != known).Append(node).OrderBy(other => other.Id, WorkerIds.NaturalOrder),
                ],
            }
        );
        if (known is not null && !string.Equals(known.Incarnation, node.Incarnation, StringComparison.Ordinal))
        {
            LoseWorkers(turn, node.Id);
        }

        Fill(turn);
        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    public static RunReply Lose(TurnContext turn, string nodeId)
    {
        var left = turn.State.Nodes.Where(node => !string.Equals(node.Id, nodeId, StringComparison.Ordinal)).ToList();
        if (left.Count == turn.State.Nodes.Count)
        {
            return new RunReply.Accepted();
        }

        turn.Change(turn.State with { Nodes = left });
        if (turn.State.HasEnded)
        {
            return new RunReply.Accepted();
        }

        LoseWorkers(turn, nodeId);
        Fill(turn);
        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    /// <summary>Restarts a managed worker whose process has ended, on a node with room.</summary>
    public static void StartAgain(TurnContext turn, Member ended, int fruitlessStarts)
    {
        turn.Change(
            new Member(ended.WorkerId, IsManaged: true)
            {
                Start = ended.Start,
                FruitlessStarts = fruitlessStarts,
                FailedOn = fruitlessStarts > 0 ? ended.NodeId : null,
            }
        );
        Fill(turn);
    }

    /// <summary>Assigns free slots to workers without a node.</summary>
    private static void Fill(TurnContext turn)
    {
        if (turn.State.Phase is not (RunPhase.Forming or RunPhase.Running) || turn.State.Members.Unplaced.IsEmpty)
        {
            return;
        }

        var free = turn.State.Nodes.ToDictionary(
            node => node.Id,
            node => node.Slots - turn.State.Members.CountOn(node.Id),
            StringComparer.Ordinal
        );
        foreach (var workerId in turn.State.Members.Unplaced)
        {
            var member = turn.State.Find(workerId)!;
            var node = turn
                .State.Nodes.Where(node => free[node.Id] > 0)
                .OrderBy(node => string.Equals(node.Id, member.FailedOn, StringComparison.Ordinal))
                .ThenByDescending(node => free[node.Id])
                .FirstOrDefault();
            if (node is null)
            {
                return;
            }

            free[node.Id]--;
            var placed = member with { NodeId = node.Id, Start = member.Start + 1 };
            turn.Change(placed);
            turn.Do(new RunEffect.StartWorker(workerId, node.Id, placed.Start));
        }
    }

    private static void LoseWorkers(TurnContext turn, string nodeId)
    {
        foreach (
            var workerId in turn
                .State.Members.Where(member => string.Equals(member.NodeId, nodeId, StringComparison.Ordinal))
                .Select(member => member.WorkerId)
                .ToList()
        )
        {
            // Losing one may have changed the others.
            if (turn.State.Find(workerId) is { IsLiving: true } member)
            {
                var gone = new RunReply.Refused(RefusalKind.NameTaken, $"{workerId} was lost with node {nodeId}.");
                turn.Answer(workerId, HeldCall.Join, gone);
                turn.Answer(workerId, HeldCall.Report, gone);
                WorkerLoss.Lose(turn, member with { Status = MemberStatus.Lost }, FailureKind.Unheard, $"was lost with node {nodeId}", []);
            }

            if (turn.State.Phase is RunPhase.Forming or RunPhase.Running)
            {
                // The node may only be disconnected: its processes must not be mistaken for the next ones.
                var lost = turn.State.Find(workerId)!;
                turn.Change(new Member(workerId, IsManaged: true) { Start = lost.Start + 1, FruitlessStarts = lost.FruitlessStarts });
            }
        }
    }
}
