namespace ClipTrain.Coordinator.Core;

/// <summary>The ways in which a worker leaves without having completed or stopped.</summary>
internal static class Departure
{
    public static RunReply Exited(Turn turn, RunMessage.WorkerExited exited)
    {
        if (turn.State.Find(exited.WorkerId) is not { } member)
        {
            return new RunReply.Refused(RefusalKind.UnknownWorker, $"Run {turn.State.Spec.RunId} has no {exited.WorkerId}.");
        }

        if (member.ExitCode is not null)
        {
            return new RunReply.Accepted();
        }

        var expected = !(member.HoldsLease || member.Status is MemberStatus.Expected or MemberStatus.Joined) || turn.State.HasEnded;
        if (expected)
        {
            turn.Change(member with { ExitCode = exited.ExitCode });
            if (exited.ExitCode != 0 && member.Status is MemberStatus.Completed or MemberStatus.Stopped)
            {
                turn.Warn($"{member.Label} {ExitDescription.Of(exited.ExitCode)}, after it had {member.Status.ToString().ToLowerInvariant()}");
            }

            return new RunReply.Accepted();
        }

        var when = turn.State.Phase == RunPhase.Forming ? " before the run was formed" : "";
        Lose(turn, member with { ExitCode = exited.ExitCode, Status = MemberStatus.Exited }, FailureKind.Exited, ExitDescription.Of(exited.ExitCode) + when, exited.LastLines);
        return new RunReply.Accepted();
    }

    public static void Failed(Turn turn, Member heard, WorkerReport report)
    {
        turn.Do(new RunEffect.DismissWorker(heard.WorkerId));
        Lose(turn, heard with { Status = MemberStatus.Failed }, FailureKind.Reported, report.Message ?? "failed without saying why", [], report.ExitCode);
    }

    public static void PeerLost(Turn turn, Member heard, string? message) =>
        Lose(turn, heard with { Status = MemberStatus.PeerLost }, FailureKind.CollectiveFailed, message ?? "a collective failed", []);

    /// <summary>The process may hang inside a collective: ending it is what frees its peers from theirs.</summary>
    public static void Unheard(Turn turn, Member member, string text)
    {
        turn.Do(new RunEffect.KillWorker(member.WorkerId));
        Lose(turn, member with { Status = MemberStatus.Lost }, FailureKind.Unheard, text, []);
    }

    private static void Lose(Turn turn, Member next, FailureKind kind, string text, IReadOnlyList<string> lastLines, int? exitCode = null)
    {
        turn.Change(next);
        turn.Change(turn.State with { Failures = [.. turn.State.Failures, new WorkerFailure(next.WorkerId, kind, text, lastLines, exitCode)] });
        switch (turn.State.Phase)
        {
            case RunPhase.Forming:
                Ending.Fail(turn, FailureText.Cause(turn.State));
                return;
            case RunPhase.Running:
                turn.Change(turn.State with { Phase = RunPhase.Draining, Deadline = turn.Now + turn.State.Spec.Timeouts.Survivors });
                break;
        }

        Draining.Settle(turn);
    }
}
