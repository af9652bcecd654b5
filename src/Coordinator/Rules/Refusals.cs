using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Refuses messages. The sender gets the reason each time; the run's log once per sender.</summary>
internal static class Refusals
{
    /// <summary>Limit that keeps a sender with invented names from filling the log.</summary>
    private const int MostSenders = 64;

    public static RunReply.Refused UnknownWorker(RunState state, string? workerId) =>
        new(RefusalKind.UnknownWorker, $"Run {state.Spec.RunId} has no {PlainText.Line(workerId, PlainText.NameLength)}.");

    /// <summary>Refuses a message that contradicts the run's state.</summary>
    /// <param name="turn">The turn, in which nothing else changes.</param>
    /// <param name="sender">The worker or node that sent it.</param>
    /// <param name="reason">The problem.</param>
    public static RunReply.Refused Invalid(TurnContext turn, string? sender, string reason)
    {
        var name = PlainText.Line(sender, PlainText.NameLength);
        var text = $"refused a message from {name}: {reason}";
        WarnOnce(turn, name, text);
        return new RunReply.Refused(RefusalKind.Invalid, text);
    }

    public static void WarnOnce(TurnContext turn, string sender, string text)
    {
        var refused = turn.State.RefusedSenders;
        if (refused.Count < MostSenders && !refused.Contains(sender, StringComparer.Ordinal))
        {
            turn.Refresh(turn.State with { RefusedSenders = [.. refused, sender] });
            turn.Warn(text);
        }
    }
}
