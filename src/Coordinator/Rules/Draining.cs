using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Ends a run without all of its workers: once every worker is accounted for, the one that joined with the newest state saves it and the
/// others exit.
/// <para>One rule covers every cause: a worker that joins again vouches for its state, so it may save; one that reports Failed does not.
/// All ranks see a non-finite loss and report Failed, so the last checkpoint counts. No worker saves a step that already has a
/// checkpoint.</para>
/// </summary>
internal static class Draining
{
    /// <summary>Starts to end the run with this outcome. A failure overrides a stop.</summary>
    public static void Begin(TurnContext turn, OutcomeKind kind)
    {
        if (turn.State.Phase == RunPhase.Draining)
        {
            turn.Change(turn.State with { DrainsTo = kind == OutcomeKind.Failed ? kind : turn.State.DrainsTo });
            return;
        }

        Membership.Disband(turn);
        turn.Change(
            turn.State with
            {
                Phase = RunPhase.Draining,
                DrainsTo = kind,
                IsPlannedRegroup = false,
                Deadline = turn.Now + turn.State.Spec.Timeouts.Regroup,
            }
        );
    }

    public static void Settle(TurnContext turn)
    {
        if (
            turn.State.Phase != RunPhase.Draining
            || turn.State.Members.CountOf(MemberStatus.Leaving) + turn.State.Members.CountOf(MemberStatus.Saving) > 0
        )
        {
            return;
        }

        var survivors = turn.State.Members.Where(member => member.Status == MemberStatus.Joined).ToList();
        var saver = survivors.Where(member => member.HeldStep > (turn.State.LastCheckpoint?.Step ?? 0)).MaxBy(member => member.HeldStep);
        foreach (var survivor in survivors)
        {
            var saves = survivor == saver;
            turn.Change(survivor with { Status = saves ? MemberStatus.Saving : MemberStatus.Aborted });
            turn.Answer(survivor.WorkerId, HeldCall.Join, new RunReply.Directed(saves ? Directive.SaveAloneAndExit : Directive.Abort));
        }

        if (saver is not null)
        {
            turn.Change(turn.State with { Deadline = turn.Now + turn.State.Spec.Timeouts.Save });
        }
        else if (turn.State.DrainsTo == OutcomeKind.Stopped)
        {
            Ending.Stop(turn);
        }
        else
        {
            Ending.Fail(turn);
        }
    }
}
