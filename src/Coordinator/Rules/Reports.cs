using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Handles the end of a worker's loop. Completed and Stopped are held until the whole generation has reported; Failed is answered at once, with
/// Rejoin if the run goes back to a checkpoint.
/// </summary>
internal static class Reports
{
    public static RunReply Receive(TurnContext turn, WorkerReport report)
    {
        if (report.WorkerId is null || turn.State.Find(report.WorkerId) is not { } member)
        {
            return Refusals.UnknownWorker(turn.State, report.WorkerId);
        }

        // A managed worker may fail before it has joined.
        if (!string.Equals(member.Incarnation ?? report.Incarnation, report.Incarnation, StringComparison.Ordinal))
        {
            return new RunReply.Directed(Directive.Abort);
        }

        if (MessageChecks.Of(turn, report) is { } wrong)
        {
            return Refusals.Invalid(turn, member.Label, wrong);
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

    private static void Take(TurnContext turn, Member member, WorkerReport report)
    {
        if (report.Outcome == WorkerOutcome.Failed)
        {
            if ((member.IsLiving || member.Status == MemberStatus.Expected) && !GoingBack.Takes(turn, member, report))
            {
                WorkerLoss.Failed(turn, member with { LastHeard = turn.Now }, report);
                Membership.Settle(turn);
            }
        }
        else if (member.Status == MemberStatus.Training && report.Generation == turn.State.Generation)
        {
            turn.Change(
                member with
                {
                    Status = MemberStatus.Finished,
                    Outcome = report.Outcome,
                    LastHeard = turn.Now,
                    CommittedStep = Math.Max(member.CommittedStep, report.CommittedStep),
                }
            );
            Progress.Measure(turn);
            Membership.Settle(turn);
        }
    }
}
