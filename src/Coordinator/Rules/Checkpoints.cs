using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Rules for checkpoints that are written, found on disk, or requested.</summary>
internal static class Checkpoints
{
    public static RunReply Written(TurnContext turn, CheckpointWritten written)
    {
        var state = turn.State;
        if (written.WorkerId is null || state.Find(written.WorkerId) is not { } member)
        {
            return Refusals.UnknownWorker(state, written.WorkerId);
        }

        // The others may have continued from an earlier step without a worker that was lost or replaced meanwhile.
        if (
            !state.MayContinueFrom(written.Step)
            || member.Status == MemberStatus.Lost
            || !string.Equals(member.Incarnation, written.Incarnation, StringComparison.Ordinal)
        )
        {
            return new RunReply.Accepted();
        }

        if (MessageChecks.Of(turn, member, written) is { } wrong)
        {
            return Refusals.Invalid(turn, member.Label, wrong);
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

        // The worker may still have been writing a periodic checkpoint when it was asked to save a newer state.
        if (member.Status == MemberStatus.Saving && written.Step >= member.HeldStep)
        {
            turn.Change(member with { Status = MemberStatus.Saved, LastHeard = turn.Now });
            Draining.Settle(turn);
        }

        return new RunReply.Accepted();
    }

    /// <summary>
    /// Takes over a checkpoint found on disk, unless its step is not recorded: other ranks may not have committed that step.
    /// </summary>
    public static RunReply Found(TurnContext turn, CheckpointMark found)
    {
        var state = turn.State;
        if (
            !state.HasEnded
            && state.MayContinueFrom(found.Step)
            && found.Step > (state.LastCheckpoint?.Step ?? 0)
            && found.Step <= state.RecordedStep
        )
        {
            turn.Change(state with { LastCheckpoint = found });
        }

        return new RunReply.Accepted();
    }

    public static RunReply Request(TurnContext turn)
    {
        if (turn.State.Phase != RunPhase.Running)
        {
            return new RunReply.Refused(
                RefusalKind.WrongPhase,
                $"Run {turn.State.Spec.RunId} is {turn.State.Phase.ToString().ToLowerInvariant()}; a checkpoint can be asked for while "
                    + "it is running."
            );
        }

        if (turn.State.CheckpointWantedFrom is null)
        {
            turn.Change(turn.State with { CheckpointWantedFrom = turn.State.CommittedStep });
        }

        return new RunReply.Accepted();
    }
}
