using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Handles heartbeats, which renew leases and carry steps, records and warnings. They are the only frequent message.</summary>
internal static class Heartbeats
{
    /// <summary>Further warnings of one heartbeat are only counted.</summary>
    private const int MaxWarnings = 64;

    public static RunReply.HeartbeatReplies Receive(TurnContext turn, IReadOnlyList<Heartbeat> heartbeats)
    {
        var replies = new RunReply[heartbeats.Count];
        for (var i = 0; i < replies.Length; i++)
        {
            replies[i] = Receive(turn, heartbeats[i]);
        }

        return new RunReply.HeartbeatReplies(replies);
    }

    private static RunReply Receive(TurnContext turn, Heartbeat heartbeat)
    {
        if (heartbeat is not { WorkerId: not null, Records: not null, Warnings: not null })
        {
            return Refusals.Invalid(turn, heartbeat?.WorkerId, "the heartbeat is incomplete");
        }

        var sender = turn.State.Find(heartbeat.WorkerId);
        if (sender is null || !string.Equals(sender.Incarnation, heartbeat.Incarnation, StringComparison.Ordinal))
        {
            return Answer(turn, heartbeat, Directives.ForStranger(turn.State, sender, heartbeat.Generation));
        }

        if (!sender.IsLiving || turn.State.HasEnded)
        {
            return Answer(turn, heartbeat, Directives.For(turn.State, sender));
        }

        if (MessageChecks.Of(turn, heartbeat) is { } wrong)
        {
            return Refusals.Invalid(turn, sender.Label, wrong);
        }

        Hear(turn, sender, heartbeat);
        return Answer(turn, heartbeat, Directives.For(turn.State, turn.State.Find(heartbeat.WorkerId)!));
    }

    private static void Hear(TurnContext turn, Member member, Heartbeat heartbeat)
    {
        var isOfGeneration = member.IsAssigned && heartbeat.Generation == turn.State.Generation;
        turn.Refresh(
            member with
            {
                LastHeard = turn.Now,
                Heartbeats = member.Heartbeats.RecordHeartbeat(turn.Now),
                IsSuspected = false,
                HasSentHeartbeat = isOfGeneration || member.HasSentHeartbeat,
                CommittedStep = isOfGeneration ? Math.Max(member.CommittedStep, heartbeat.CommittedStep) : member.CommittedStep,
            }
        );
        Progress.Measure(turn);
        Records.Take(turn, heartbeat);
        foreach (var warning in heartbeat.Warnings.Take(MaxWarnings))
        {
            turn.Warn($"{member.Label}: {PlainText.Line(warning)}");
        }

        if (heartbeat.Warnings.Count > MaxWarnings)
        {
            turn.Warn($"{member.Label}: {heartbeat.Warnings.Count - MaxWarnings} more warnings");
        }
    }

    private static RunReply.HeartbeatReply Answer(TurnContext turn, Heartbeat heartbeat, Directive directive)
    {
        var recorded = turn.State.RecordedStep;
        return new RunReply.HeartbeatReply(
            new HeartbeatAnswer(heartbeat.Generation, directive, recorded)
            {
                WantsMoreRecords = heartbeat.HasMoreRecords && heartbeat.Records is [.., { Metrics.Step: var last }] && last <= recorded,
            }
        );
    }
}
