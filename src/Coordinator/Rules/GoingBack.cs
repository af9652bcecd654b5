using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Automatic response to a run that diverges: its workers leave their generation, and the next one starts from a checkpoint before the
/// fault. The steps at which the run diverged are read and recorded again, but change no weight (as in PaLM's training, arXiv 2204.02311,
/// section 5.1).
/// </summary>
internal static class GoingBack
{
    /// <summary>
    /// Goes back after a rise of the loss. A worker that regroups as planned may still be writing a checkpoint of the history to be undone,
    /// so that moment is passed over.
    /// </summary>
    public static RunReply Handle(TurnContext turn, RunMessage.Diverged diverged)
    {
        if (!turn.State.IsPlannedRegroup)
        {
            TryBegin(turn, diverged.Cause, diverged.Checkpoint);
        }

        return new RunReply.Accepted();
    }

    /// <summary>
    /// True if a worker that met a loss or gradient that is not finite may join again: the run goes back, or its generation is over already.
    /// </summary>
    public static bool Takes(TurnContext turn, WorkerReport report)
    {
        var isOver =
            report.Generation > 0
            && report.Generation < turn.State.Generation
            && turn.State.Phase is RunPhase.Forming or RunPhase.Running;
        var failed = report.CommittedStep + 1;
        return report.Diverged && (isOver || TryBegin(turn, new StepRange(failed, failed), turn.State.LastCheckpoint));
    }

    private static bool TryBegin(TurnContext turn, StepRange cause, CheckpointMark? checkpoint)
    {
        var before = turn.State;
        var passedOver = before.Spec.PassedOver ?? [];
        if (
            before.Phase is not (RunPhase.Forming or RunPhase.Running)
            || before is { IsGoingBack: true } or { StopRequestedBy: not null } or { Assignment: null }
            || passedOver.Count >= before.Spec.Rollbacks
            || checkpoint is null
            || checkpoint.Step >= cause.First
        )
        {
            return false;
        }

        turn.Warn($"the run diverged at step {cause.Last}; it goes back to the checkpoint of step {checkpoint.Step}");
        Membership.Disband(turn);
        turn.Change(
            turn.State with
            {
                Phase = RunPhase.Forming,
                WentBackIn = turn.State.Generation,
                Spec = before.Spec with { PassedOver = [.. passedOver, cause] },
                IsPlannedRegroup = false,
                Deadline = turn.Now + before.Spec.Timeouts.Regroup,
                NextNotice = null,
                LastCheckpoint = checkpoint,
                CheckpointWantedFrom = null,
                CommittedStep = checkpoint.Step,
                FurthestStep = checkpoint.Step,
                FruitlessGenerations = 0,
                Failures = [],
                Members = MemberSet.Of(
                    turn.State.Members.Select(member => member.HeldStep > checkpoint.Step ? member with { HeldStep = null } : member)
                ),
            }
        );
        Membership.Settle(turn);
        return true;
    }
}
