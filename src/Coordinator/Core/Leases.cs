namespace ClipTrain.Coordinator.Core;

/// <summary>What the passing of time does: leases and deadlines run out.</summary>
internal static class Leases
{
    public static RunReply Tick(Turn turn)
    {
        SkipOwnAbsence(turn);
        turn.Refresh(turn.State with { LastTick = turn.Now });
        var timeout = turn.State.Spec.Timeouts.Heartbeat;
        if (turn.State.Phase is RunPhase.Running or RunPhase.Draining)
        {
            foreach (var member in turn.State.Members.Where(member => member.HoldsLease && turn.Now - member.LastHeard >= timeout).ToList())
            {
                Departure.Unheard(turn, member, $"was not heard of for {timeout.TotalSeconds:0.#} s");
            }
        }

        if (turn.State.Deadline <= turn.Now)
        {
            if (turn.State.Phase == RunPhase.Forming)
            {
                Formation.Expire(turn);
            }
            else
            {
                Draining.Expire(turn);
            }
        }

        return new RunReply.Accepted();
    }

    /// <summary>
    /// A coordinator that was itself suspended (Ctrl-Z, a stalled machine) has missed heartbeats that were sent, so time
    /// during which it did not tick counts against nobody.
    /// </summary>
    private static void SkipOwnAbsence(Turn turn)
    {
        var state = turn.State;
        var absence = turn.Now - state.LastTick;
        if (absence < state.Spec.Timeouts.Heartbeat / 2)
        {
            return;
        }

        turn.Refresh(state with
        {
            Deadline = state.Deadline + absence,
            Members = [.. state.Members.Select(member => member.LastHeard is { } heard
                ? member with { LastHeard = heard + absence < turn.Now ? heard + absence : turn.Now }
                : member)],
        });
    }
}
