using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Ends a run as completed, stopped or failed.</summary>
internal static class Ending
{
    /// <summary>Outcome of an ended run.</summary>
    public static RunOutcome OutcomeOf(RunState state) =>
        state.Phase switch
        {
            RunPhase.Completed => new RunOutcome(OutcomeKind.Completed, state.EndText!, state.LastCheckpoint),
            RunPhase.Stopped => new RunOutcome(OutcomeKind.Stopped, state.EndText!, state.LastCheckpoint),
            _ => new RunOutcome(OutcomeKind.Failed, state.EndText!, state.LastCheckpoint, FailureText.Root(state).ExitCode),
        };

    public static RunReply RequestStop(TurnContext turn, RunMessage.StopRequested stop)
    {
        if (turn.State.HasEnded)
        {
            return new RunReply.Accepted();
        }

        if (turn.State.StopRequestedBy is null)
        {
            turn.Change(turn.State with { StopRequestedBy = PlainText.Line(stop.By, PlainText.NameLength) });
        }

        if (stop.AtOnce || turn.State.IsFirstForming)
        {
            StopAtOnce(turn);
        }
        else if (turn.State.Phase == RunPhase.Forming)
        {
            Draining.Begin(turn, OutcomeKind.Stopped);
            Draining.Settle(turn);
        }

        return new RunReply.Accepted();
    }

    /// <summary>Ends the run once the whole generation has reported.</summary>
    public static void FinishIfDone(TurnContext turn)
    {
        if (turn.State.Members.CountOf(MemberStatus.Training) == 0)
        {
            Finish(turn);
        }
    }

    /// <summary>
    /// Ends the run after a worker of the generation was lost or left, if others have already reported and the checkpoint of their step
    /// is written.
    /// </summary>
    /// <returns>True if the run has ended.</returns>
    public static bool CompleteWithout(TurnContext turn)
    {
        var state = turn.State;
        var inGeneration = state.Members.Where(member => member.Generation == state.Generation).ToList();
        if (!inGeneration.Exists(member => member.Outcome is not null && state.LastCheckpoint?.Step >= member.CommittedStep))
        {
            return false;
        }

        var missing = inGeneration.Where(member => member.Status != MemberStatus.Finished).OrderBy(member => member.Rank);
        turn.Warn($"the run ends without {string.Join(", ", missing.Select(member => member.Label))}: its last checkpoint is written");
        Finish(turn);
        return true;
    }

    /// <summary>Ends the run without saving, so that no worker needs time to exit.</summary>
    private static void StopAtOnce(TurnContext turn) =>
        End(
            turn,
            OutcomeKind.Stopped,
            $"stopped at once by {turn.State.StopRequestedBy}; {FailureText.Resumable(turn.State)}",
            atOnce: true
        );

    public static void Stop(TurnContext turn) =>
        End(turn, OutcomeKind.Stopped, $"stopped by {turn.State.StopRequestedBy ?? "its workers"}; {FailureText.Resumable(turn.State)}");

    /// <summary>Ends the run as failed. If it never formed, no worker needs time to exit.</summary>
    public static void Fail(TurnContext turn)
    {
        var cause = FailureText.Cause(turn.State);
        var separator = cause.Contains('\n', StringComparison.Ordinal) ? "\n" : "; ";
        End(turn, OutcomeKind.Failed, cause + separator + FailureText.Resumable(turn.State), atOnce: turn.State.IsFirstForming);
    }

    private static void Finish(TurnContext turn)
    {
        var reported = turn
            .State.Members.Where(member => member.Generation == turn.State.Generation && member.Outcome is not null)
            .ToList();
        if (reported.TrueForAll(member => member.Outcome == WorkerOutcome.Completed))
        {
            End(turn, OutcomeKind.Completed, $"completed at step {reported.Max(member => member.CommittedStep)}");
        }
        else
        {
            Stop(turn);
        }
    }

    private static void End(TurnContext turn, OutcomeKind kind, string message, bool atOnce = false)
    {
        var phase = kind switch
        {
            OutcomeKind.Completed => RunPhase.Completed,
            OutcomeKind.Stopped => RunPhase.Stopped,
            _ => RunPhase.Failed,
        };
        turn.Change(turn.State with { Phase = phase, EndText = message, Deadline = null, NextNotice = null, CheckpointWantedFrom = null });
        foreach (var member in turn.State.Members)
        {
            if (
                member is { ExitCode: null } and not { IsManaged: true, NodeId: null }
                && (atOnce || member.Status == MemberStatus.Expected)
            )
            {
                turn.Do(new RunEffect.KillWorker(member.WorkerId, member.NodeId));
            }
            else if (member is { ExitCode: null, NodeId: not null })
            {
                turn.Do(new RunEffect.DismissWorker(member.WorkerId, member.NodeId));
            }

            if (member.Status == MemberStatus.Joined)
            {
                turn.Answer(member.WorkerId, HeldCall.Join, new RunReply.Refused(RefusalKind.WrongPhase, message));
            }
            else if (member.Status == MemberStatus.Finished)
            {
                turn.Answer(member.WorkerId, HeldCall.Report, new RunReply.Directed(Directives.For(turn.State, member)));
            }
        }

        turn.Do(new RunEffect.EndRun(OutcomeOf(turn.State)));
    }
}
