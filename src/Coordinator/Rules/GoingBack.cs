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
    /// so the run then goes back at the first tick after the regroup.
    /// </summary>
    public static RunReply Handle(TurnContext turn, RunMessage.Diverged diverged)
    {
        Answer(turn, diverged.Divergence);
        return new RunReply.Accepted();
    }

    /// <summary>Goes back after a rise of the loss that was noticed during a planned regroup, once that is over.</summary>
    public static void AnswerNoticed(TurnContext turn)
    {
        if (turn.State is { IsPlannedRegroup: false, Noticed: { } divergence })
        {
            turn.Change(turn.State with { Noticed = null });
            Answer(turn, divergence);
        }
    }

    private static void Answer(TurnContext turn, Divergence divergence)
    {
        // The message may come again after the run has gone back: passing over the same steps twice would not help either.
        var isRepeated = turn.State.Spec.PassedOver?.Contains(divergence.Cause) == true;
        if (isRepeated || divergence.Checkpoint.Step >= divergence.Cause.First || !MayBegin(turn.State))
        {
            return;
        }

        if (turn.State.IsPlannedRegroup)
        {
            turn.Change(turn.State with { Noticed = divergence });
            return;
        }

        turn.Change(turn.State with { LastCheckpoint = divergence.Checkpoint });
        Begin(turn, divergence.Cause);
    }

    /// <summary>
    /// True if a worker that met a loss or gradient that is not finite may join again: the run goes back, or its generation is over already.
    /// Its last checkpoint may still be on the way: whether there is one to go back to shows when all have joined again.
    /// </summary>
    public static bool Takes(TurnContext turn, Member member, WorkerReport report)
    {
        var state = turn.State;
        if (!report.Diverged || report.Generation == 0 || state.Phase is not (RunPhase.Forming or RunPhase.Running))
        {
            return false;
        }

        if (report.Generation < state.Generation)
        {
            return true;
        }

        if (
            state.Phase != RunPhase.Running
            || report.Generation != state.Generation
            || report.CommittedStep < state.LastCheckpoint?.Step
            || !MayBegin(state)
        )
        {
            return false;
        }

        Begin(turn, new StepRange(report.CommittedStep + 1, report.CommittedStep + 1));
        WorkerLoss.NoteReport(turn, member, report);
        return true;
    }

    private static bool MayBegin(RunState state) =>
        state is { Phase: RunPhase.Forming or RunPhase.Running, IsGoingBack: false, StopRequestedBy: null, Assignment: not null }
        && (state.Spec.PassedOver?.Count ?? 0) < state.Spec.Rollbacks;

    private static void Begin(TurnContext turn, StepRange cause)
    {
        IReadOnlyList<StepRange> passedOver = [.. turn.State.Spec.PassedOver ?? [], cause];
        turn.Do(new RunEffect.PassOver(passedOver));
        turn.Warn($"the run diverged at step {cause.Last} and goes back to the last checkpoint before step {cause.First}");
        Membership.Disband(turn);
        var state = turn.State;
        turn.Change(
            state with
            {
                Phase = RunPhase.Forming,
                WentBackIn = state.Generation,
                Spec = state.Spec with { PassedOver = passedOver },
                IsPlannedRegroup = false,
                Noticed = null,
                Deadline = turn.Now + state.Spec.Timeouts.Regroup,
                NextNotice = null,
                CheckpointWantedFrom = null,
                FurthestStep = Math.Min(state.FurthestStep, cause.First - 1),
                FruitlessGenerations = 0,
                Failures = [],
                Members = MemberSet.Of(state.Members.Select(member => member with { HeldStep = null })),
            }
        );
        Membership.Settle(turn);
    }
}
