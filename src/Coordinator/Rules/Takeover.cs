using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Continues a run from the stored state in another coordinator process. Workers and nodes are still alive, so nothing is forgotten;
/// effects that the last process stored but may not have carried out are repeated.
/// </summary>
internal static class Takeover
{
    public static RunReply Handle(TurnContext turn, RunMessage.TakenOver taken)
    {
        var state = turn.State;
        turn.Change(
            state with
            {
                LastTick = turn.Now,
                LastContact = turn.Now,
                ContactSince = turn.Now,
                IsCutOff = false,
                Deadline = state.Deadline is null ? null : turn.Now + TimeLeft(state),
                NextNotice = null,
                FormedAt =
                    state.FormedAt < turn.Now ? state.FormedAt
                    : state.FormedAt is null ? null
                    : turn.Now,
                RecordedStep = taken.RecordedStep,
                Members = MemberSet.Of(state.Members.Select(member => Heard(turn, member))),
            }
        );
        if (state.Phase == RunPhase.Running && taken.RecordedGeneration < state.Generation)
        {
            // The state was stored but the ledger was not: the generation is known, but the steps that it undid are still recorded.
            turn.Change(turn.State with { RecordedStep = Math.Min(taken.RecordedStep, state.Assignment!.StartStep) });
            Formation.Begin(turn);
        }

        Repeat(turn);
        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    private static void Repeat(TurnContext turn)
    {
        if (turn.State is { HasEnded: false, Spec.PassedOver: { } passedOver })
        {
            turn.Do(new RunEffect.PassOver(passedOver));
        }

        foreach (var member in turn.State.Members)
        {
            if (member is { Status: MemberStatus.Expected, NodeId: { } node } && !turn.State.HasEnded)
            {
                turn.Do(new RunEffect.StartWorker(member.WorkerId, node, member.Start));
            }
            else if (member is { Status: MemberStatus.Lost, NodeId: not null, ExitCode: null })
            {
                turn.Do(new RunEffect.KillWorker(member.WorkerId, member.NodeId));
            }
        }

        if (turn.State.HasEnded)
        {
            turn.Do(new RunEffect.EndRun(Ending.OutcomeOf(turn.State)));
        }
    }

    private static TimeSpan TimeLeft(RunState state) =>
        state.Deadline > state.LastTick ? state.Deadline.Value - state.LastTick : TimeSpan.Zero;

    /// <summary>
    /// Renews a member's lease, since its silence was the coordinator's. It must report its records again: they are not stored.
    /// </summary>
    private static Member Heard(TurnContext turn, Member member) =>
        member.IsLiving
            ? member with
            {
                LastHeard = turn.Now,
                Heartbeats = member.Heartbeats with { Last = member.Heartbeats.Last is null ? null : turn.Now },
                HasSentHeartbeat = false,
                OldestRecord = null,
            }
            : member;
}
