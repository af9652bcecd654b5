using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>What workers and users say while the run lives.</summary>
internal static class WorkerMessages
{
    public static RunReply Beat(TurnContext turn, Heartbeat beat)
    {
        if (turn.State.Find(beat.WorkerId) is not { } member || !string.Equals(member.Incarnation, beat.Incarnation, StringComparison.Ordinal))
        {
            return Answer(turn, beat, Directives.ForStranger(turn.State, turn.State.Find(beat.WorkerId), beat.Generation));
        }

        if (member.IsLiving && !turn.State.HasEnded)
        {
            Hear(turn, member, beat);
        }

        return Answer(turn, beat, Directives.For(turn.State, turn.State.Find(beat.WorkerId)!));
    }

    /// <summary>Completed and Stopped are held until all of the generation have reported; Failed is answered at once.</summary>
    public static RunReply Report(TurnContext turn, WorkerReport report)
    {
        if (turn.State.Find(report.WorkerId) is not { } member)
        {
            return Unknown(turn.State, report.WorkerId);
        }

        // A local worker may fail before it has joined.
        if (!string.Equals(member.Incarnation ?? report.Incarnation, report.Incarnation, StringComparison.Ordinal))
        {
            return new RunReply.Directed(Directive.Abort);
        }

        if (!turn.State.HasEnded)
        {
            Take(turn, member, report);
        }

        var now = turn.State.Find(report.WorkerId)!;
        return now.Status switch
        {
            _ when turn.State.HasEnded => new RunReply.Directed(Directives.For(turn.State, now)),
            MemberStatus.Finished => new RunReply.Held(),
            MemberStatus.Training or MemberStatus.Leaving or MemberStatus.Joined => new RunReply.Directed(Directive.Rejoin),
            _ => new RunReply.Directed(Directives.For(turn.State, now)),
        };
    }

    /// <summary>A step that nobody has told of yet may be one that the others have not gone through: it does not count.</summary>
    public static RunReply CheckpointFound(TurnContext turn, CheckpointMark found)
    {
        var state = turn.State;
        if (!state.HasEnded && found.Step > (state.LastCheckpoint?.Step ?? 0) && found.Step <= state.RecordedStep)
        {
            turn.Change(state with { LastCheckpoint = found });
        }

        return new RunReply.Accepted();
    }

    public static RunReply Checkpointed(TurnContext turn, CheckpointWritten written)
    {
        var state = turn.State;
        if (state.Find(written.WorkerId) is not { } member)
        {
            return Unknown(state, written.WorkerId);
        }

        // The others may have gone on from before the step of one who was lost on the way.
        if (member.Status == MemberStatus.Lost)
        {
            return new RunReply.Accepted();
        }

        if (state.LastCheckpoint is null || written.Step > state.LastCheckpoint.Step)
        {
            turn.Change(state with { LastCheckpoint = new CheckpointMark(written.Step, written.Directory) });
            Progress.Forgive(turn);
        }

        if (state.CheckpointWantedFrom <= written.Step)
        {
            turn.Change(turn.State with { CheckpointWantedFrom = null });
        }

        // A periodic checkpoint may still have been on its way to disk when the worker was asked to save a newer state.
        if (member.Status == MemberStatus.Saving && written.Step >= member.HeldStep)
        {
            turn.Change(member with { Status = MemberStatus.Saved, LastHeard = turn.Now });
            Draining.Settle(turn);
        }

        return new RunReply.Accepted();
    }

    public static RunReply Stop(TurnContext turn, RunMessage.StopRequested stop)
    {
        if (turn.State.HasEnded)
        {
            return new RunReply.Accepted();
        }

        if (turn.State.StopRequestedBy is null)
        {
            turn.Change(turn.State with { StopRequestedBy = stop.By });
        }

        if (stop.AtOnce || turn.State.IsFirstForming)
        {
            Ending.StopAtOnce(turn);
        }
        else if (turn.State.Phase == RunPhase.Forming)
        {
            Draining.Begin(turn, OutcomeKind.Stopped);
            Draining.Settle(turn);
        }

        return new RunReply.Accepted();
    }

    public static RunReply RequestCheckpoint(TurnContext turn)
    {
        if (turn.State.Phase != RunPhase.Running)
        {
            return new RunReply.Refused(RefusalKind.WrongPhase, $"Run {turn.State.Spec.RunId} is {turn.State.Phase.ToString().ToLowerInvariant()}; a checkpoint can be asked for while it is running.");
        }

        if (turn.State.CheckpointWantedFrom is null)
        {
            turn.Change(turn.State with { CheckpointWantedFrom = turn.State.CommittedStep });
        }

        return new RunReply.Accepted();
    }

    private static void Hear(TurnContext turn, Member member, Heartbeat beat)
    {
        var heard = member with { LastHeard = turn.Now, Heartbeats = member.Heartbeats.Beat(turn.Now), IsSuspected = false };
        if (member.IsAssigned && beat.Generation == turn.State.Generation)
        {
            heard = heard with { HasBeaten = true, CommittedStep = Math.Max(member.CommittedStep, beat.CommittedStep) };
        }

        turn.Refresh(heard);
        Progress.Measure(turn);
        Records.Take(turn, beat.Records);
        foreach (var warning in beat.Warnings)
        {
            turn.Warn($"{member.Label}: {warning}");
        }
    }

    private static void Take(TurnContext turn, Member member, WorkerReport report)
    {
        if (report.Outcome == WorkerOutcome.Failed)
        {
            if (member.IsLiving || member.Status == MemberStatus.Expected)
            {
                WorkerLoss.Failed(turn, member with { LastHeard = turn.Now }, report);
                Membership.Settle(turn);
            }
        }
        else if (member.Status == MemberStatus.Training && report.Generation == turn.State.Generation)
        {
            turn.Change(member with
            {
                Status = MemberStatus.Finished,
                Outcome = report.Outcome,
                LastHeard = turn.Now,
                CommittedStep = Math.Max(member.CommittedStep, report.CommittedStep),
            });
            Progress.Measure(turn);
            Membership.Settle(turn);
        }
    }

    private static RunReply.HeartbeatReply Answer(TurnContext turn, Heartbeat beat, Directive directive) =>
        new(new HeartbeatAnswer(beat.Generation, directive, turn.State.RecordedStep));

    private static RunReply.Refused Unknown(RunState state, string workerId) =>
        new(RefusalKind.UnknownWorker, $"Run {state.Spec.RunId} has no {workerId}.");
}
