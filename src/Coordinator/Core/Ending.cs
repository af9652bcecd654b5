namespace ClipTrain.Coordinator.Core;

/// <summary>The three ends of a run.</summary>
internal static class Ending
{
    public static void FinishIfDone(Turn turn)
    {
        var state = turn.State;
        if (state.Phase == RunPhase.Draining)
        {
            Draining.Settle(turn);
        }
        else if (state.Members.All(member => member.Status == MemberStatus.Completed))
        {
            End(turn, RunPhase.Completed, OutcomeKind.Completed, $"completed at step {state.CommittedStep}");
        }
        else if (state.Members.All(member => member.Status is MemberStatus.Completed or MemberStatus.Stopped))
        {
            End(turn, RunPhase.Stopped, OutcomeKind.Stopped, $"stopped by {state.StopRequestedBy ?? "its workers"}; {FailureText.Resumable(state)}");
        }
    }

    /// <summary>No state is saved, so nobody needs time to exit.</summary>
    public static void StopAtOnce(Turn turn)
    {
        KillLiving(turn);
        End(turn, RunPhase.Stopped, OutcomeKind.Stopped, $"stopped at once by {turn.State.StopRequestedBy}; {FailureText.Resumable(turn.State)}");
    }

    public static void Fail(Turn turn, string cause)
    {
        if (turn.State.Phase == RunPhase.Forming)
        {
            KillLiving(turn);
        }

        var separator = cause.Contains('\n', StringComparison.Ordinal) ? "\n" : "; ";
        End(turn, RunPhase.Failed, OutcomeKind.Failed, cause + separator + FailureText.Resumable(turn.State));
    }

    private static void KillLiving(Turn turn)
    {
        foreach (var member in turn.State.Members.Where(member => member.ExitCode is null))
        {
            turn.Do(new RunEffect.KillWorker(member.WorkerId));
        }
    }

    private static void End(Turn turn, RunPhase phase, OutcomeKind kind, string message)
    {
        turn.Change(turn.State with { Phase = phase, EndText = message, Deadline = null, CheckpointWantedFrom = null });
        foreach (var member in turn.State.Members)
        {
            if (member.Status == MemberStatus.Joined)
            {
                turn.Do(new RunEffect.Answer(member.WorkerId, HeldCall.Join, new RunReply.Refused(RefusalKind.WrongPhase, message)));
            }
            else if (member.Status == MemberStatus.PeerLost)
            {
                turn.Do(new RunEffect.Answer(member.WorkerId, HeldCall.Report, new RunReply.Directed(Directive.Abort)));
            }
        }

        turn.Do(new RunEffect.EndRun(new RunOutcome(kind, message, turn.State.LastCheckpoint, turn.State.Failures.Count > 0 ? FailureText.Root(turn.State).ExitCode : null)));
    }
}
