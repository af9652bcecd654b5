using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The coordinator is back and goes on from its journal; workers have gone on, or wait for it.</summary>
internal static class Restart
{
    public static RunReply Handle(TurnContext turn, RunMessage.CoordinatorRestarted restarted)
    {
        var state = turn.State;
        turn.Change(state with
        {
            LastTick = turn.Now,
            Deadline = state.Deadline is null ? null : turn.Now + TimeLeft(state),
            NextNotice = null,
            RecordedStep = restarted.RecordedStep,
            Members = [.. state.Members.Select(member => Heard(turn, member))],
        });
        if (state.Phase == RunPhase.Running && restarted.RecordedGeneration < state.Generation)
        {
            // The journal was written and the ledger was not: the generation is known, but steps that it undid still stand.
            turn.Change(turn.State with { RecordedStep = Math.Min(restarted.RecordedStep, state.Assignment!.StartStep) });
            turn.Do(new RunEffect.RecordGeneration(Formation.Record(turn)));
        }

        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    private static TimeSpan TimeLeft(RunState state) =>
        state.Deadline > state.LastTick ? state.Deadline.Value - state.LastTick : TimeSpan.Zero;

    /// <summary>Its silence was the coordinator's. A local worker that still lives is not this coordinator's child, so its end would go unseen.</summary>
    private static Member Heard(TurnContext turn, Member member) => member.IsLiving
        ? member with
        {
            LastHeard = turn.Now,
            Heartbeats = member.Heartbeats with { Last = member.Heartbeats.Last is null ? null : turn.Now },
            ProcessId = member.IsLocal ? null : member.ProcessId,
        }
        : member;
}
