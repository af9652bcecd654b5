using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Another coordinator process goes on from the stored state. Workers and nodes have gone on, or wait for it, so nothing is
/// forgotten; what the last process stored but may not have done any more is asked for again.
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
            // The state was stored and the ledger was not: the generation is known, but steps that it undid still stand.
            turn.Change(turn.State with { RecordedStep = Math.Min(taken.RecordedStep, state.Assignment!.StartStep) });
            turn.Do(new RunEffect.RecordGeneration(Formation.Record(turn)));
        }

        Repeat(turn);
        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    private static void Repeat(TurnContext turn)
    {
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

    /// <summary>Its silence was the coordinator's. What records it holds is not in storage: it has to say so again.</summary>
    private static Member Heard(TurnContext turn, Member member) =>
        member.IsLiving
            ? member with
            {
                LastHeard = turn.Now,
                Heartbeats = member.Heartbeats with { Last = member.Heartbeats.Last is null ? null : turn.Now },
                HasBeaten = false,
                OldestRecord = null,
            }
            : member;
}
