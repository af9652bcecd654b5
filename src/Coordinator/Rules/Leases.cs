using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Checks leases and deadlines at every tick.</summary>
internal static class Leases
{
    private const double SuspiciousPhi = 8;

    /// <summary>A shorter silence is not suspicious however regular the worker was: any process can be delayed this long.</summary>
    private static readonly TimeSpan LeastSilence = TimeSpan.FromSeconds(3);

    public static RunReply Tick(TurnContext turn)
    {
        SkipOwnAbsence(turn);
        turn.Refresh(turn.State with { LastTick = turn.Now });
        Contact.Watch(turn);
        var members = turn.State.Members;
        foreach (var member in members)
        {
            // One loss may have changed the others, or ended the run.
            var now = ReferenceEquals(members, turn.State.Members) ? member : turn.State.Find(member.WorkerId);
            if (!turn.State.HasEnded && now is { IsLiving: true })
            {
                Watch(turn, now);
            }
        }

        if (turn.State.Deadline <= turn.Now && !turn.State.IsFirstForming)
        {
            Expire(turn);
        }

        GoingBack.AnswerNoticed(turn);
        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    /// <summary>
    /// Declares silent workers lost. In a running generation a worker has its whole lease, since replacing it costs more than waiting.
    /// Once the generation is over, the others wait for it and suspicion suffices.
    /// </summary>
    private static void Watch(TurnContext turn, Member member)
    {
        var silence = Contact.SilenceOf(turn.State, member.LastHeard!.Value, turn.Now);
        var lease = turn.State.Spec.Timeouts.Heartbeat;
        if (silence >= lease)
        {
            WorkerLoss.Unheard(turn, member, $"sent no heartbeat for {lease.TotalSeconds:0.#} s");
        }
        else if (silence >= LeastSilence && member.Heartbeats.Phi(turn.Now) > SuspiciousPhi)
        {
            if (member is { Status: MemberStatus.Leaving, IsManaged: false })
            {
                WorkerLoss.Unheard(turn, member, $"was silent for {silence.TotalSeconds:0} s while the others joined again");
            }
            else if (member is { IsAssigned: true, IsSuspected: false })
            {
                turn.Refresh(member with { IsSuspected = true });
                turn.Warn($"{member.Label} has been silent for {silence.TotalSeconds:0} s");
            }
        }
    }

    /// <summary>Gives up on workers that have neither joined again nor saved by the deadline.</summary>
    private static void Expire(TurnContext turn)
    {
        var timeouts = turn.State.Spec.Timeouts;
        turn.Refresh(turn.State with { Deadline = null });
        foreach (var member in turn.State.Members.Where(member => member.Status is MemberStatus.Leaving or MemberStatus.Saving).ToList())
        {
            WorkerLoss.Unheard(
                turn,
                member,
                member.Status == MemberStatus.Saving
                    ? $"did not write its checkpoint within {timeouts.Save.TotalSeconds:0.#} s"
                    : $"did not join again within {timeouts.Regroup.TotalSeconds:0.#} s"
            );
        }
    }

    /// <summary>
    /// Extends leases by the time for which the coordinator itself was suspended (Ctrl-Z, a stalled machine) and missed heartbeats.
    /// </summary>
    private static void SkipOwnAbsence(TurnContext turn)
    {
        var state = turn.State;
        var absence = turn.Now - state.LastTick;
        if (absence < state.Spec.Timeouts.Heartbeat / 2)
        {
            return;
        }

        turn.Refresh(
            state with
            {
                Deadline = state.Deadline + absence,
                LastContact = Later(state.LastContact)!.Value,
                ContactSince = Later(state.ContactSince)!.Value,
                Members = MemberSet.Of(
                    state.Members.Select(member =>
                        member with
                        {
                            LastHeard = Later(member.LastHeard),
                            Heartbeats = member.Heartbeats with { Last = Later(member.Heartbeats.Last) },
                        }
                    )
                ),
            }
        );

        DateTimeOffset? Later(DateTimeOffset? time) =>
            time + absence < turn.Now ? time + absence
            : time is null ? null
            : turn.Now;
    }
}
