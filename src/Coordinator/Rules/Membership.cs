using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Ends a generation without ending the run.</summary>
internal static class Membership
{
    /// <summary>Ends the running generation: its members leave it and join again.</summary>
    /// <param name="isPlanned">True if all ranks agreed to leave at a step, so that none has to abandon a collective.</param>
    public static void End(TurnContext turn, bool isPlanned)
    {
        if (Ending.CompleteWithout(turn))
        {
            return;
        }

        if (turn.State.StopRequestedBy is not null)
        {
            Draining.Begin(turn, OutcomeKind.Stopped);
            return;
        }

        Disband(turn);
        turn.Change(
            turn.State with
            {
                Phase = RunPhase.Forming,
                IsPlannedRegroup = isPlanned,
                Deadline = turn.Now + turn.State.Spec.Timeouts.Regroup,
                NextNotice = null,
                FruitlessGenerations = turn.State.FruitlessGenerations + (isPlanned ? 0 : 1),
            }
        );
    }

    /// <summary>
    /// Turns a planned regroup into an unplanned one after a failure: remaining members have to abandon their collective.
    /// </summary>
    public static void Break(TurnContext turn)
    {
        if (turn.State.IsPlannedRegroup)
        {
            turn.Change(turn.State with { IsPlannedRegroup = false, FruitlessGenerations = turn.State.FruitlessGenerations + 1 });
        }
    }

    /// <summary>Marks the members of the running generation, if any, as leaving.</summary>
    public static void Disband(TurnContext turn)
    {
        if (turn.State.Phase != RunPhase.Running)
        {
            return;
        }

        foreach (var member in turn.State.Members.Where(member => member.IsAssigned).ToList())
        {
            turn.Change(member with { Status = MemberStatus.Leaving });
            if (member.Status == MemberStatus.Finished)
            {
                turn.Answer(member.WorkerId, HeldCall.Report, new RunReply.Directed(Directive.Rejoin));
            }
        }

        turn.Change(turn.State with { Generation = turn.State.Generation + 1 });
    }

    /// <summary>Takes the transitions that the current state allows.</summary>
    public static void Settle(TurnContext turn)
    {
        switch (turn.State.Phase)
        {
            case RunPhase.Forming:
                Formation.TryForm(turn);
                break;
            case RunPhase.Running:
                Ending.FinishIfDone(turn);
                break;
            case RunPhase.Draining:
                Draining.Settle(turn);
                break;
        }
    }
}
