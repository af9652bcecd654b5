namespace ClipTrain.Coordinator.Core;

/// <summary>
/// After a failure: when every worker is accounted for, the survivor with the newest state saves it and the others exit.
/// <para>One rule for every kind of failure: a worker that reports PeerLost vouches for a whole state at its committed
/// step, so it may save; one that reports Failed vouches for nothing. A loss that is not finite is seen by all ranks, all
/// report Failed, and the last checkpoint counts. Nobody saves when a checkpoint of that step exists already.</para>
/// </summary>
internal static class Draining
{
    public static void Settle(Turn turn)
    {
        if (turn.State.Phase != RunPhase.Draining || turn.State.Members.Any(member => member.Status is MemberStatus.Training or MemberStatus.Saving))
        {
            return;
        }

        var survivors = turn.State.Members.Where(member => member.Status == MemberStatus.PeerLost).ToList();
        var saver = survivors.OrderByDescending(member => member.CommittedStep).ThenBy(member => member.Rank).FirstOrDefault();
        if (saver is not null && saver.CommittedStep <= (turn.State.LastCheckpoint?.Step ?? 0))
        {
            saver = null;
        }

        foreach (var survivor in survivors)
        {
            var saves = survivor == saver;
            turn.Change(survivor with { Status = saves ? MemberStatus.Saving : MemberStatus.Aborted });
            turn.Do(new RunEffect.Answer(survivor.WorkerId, HeldCall.Report, new RunReply.Directed(saves ? Directive.SaveAloneAndExit : Directive.Abort)));
        }

        if (saver is null)
        {
            Ending.Fail(turn, FailureText.Cause(turn.State));
        }
        else
        {
            turn.Change(turn.State with { Deadline = turn.Now + turn.State.Spec.Timeouts.Save });
        }
    }

    /// <summary>Those who have neither reported nor saved by now are given up.</summary>
    public static void Expire(Turn turn)
    {
        foreach (var member in turn.State.Members.Where(member => member.Status is MemberStatus.Training or MemberStatus.Saving).ToList())
        {
            var timeouts = turn.State.Spec.Timeouts;
            Departure.Unheard(turn, member, member.Status == MemberStatus.Saving
                ? $"did not write its checkpoint within {timeouts.Save.TotalSeconds:0.#} s"
                : $"did not report within {timeouts.Survivors.TotalSeconds:0.#} s after the failure");
        }
    }
}
