using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Messages that are not taken. The sender gets the reason each time; the run's log gets it once a sender.</summary>
internal static class Refusals
{
    /// <summary>Nobody reads more, and a sender that makes up names must not fill the log.</summary>
    private const int MostSenders = 64;

    public static RunReply.Refused UnknownWorker(RunState state, string? workerId) =>
        new(RefusalKind.UnknownWorker, $"Run {state.Spec.RunId} has no {PlainText.Line(workerId, PlainText.NameLength)}.");

    /// <summary>The message cannot be true of this run.</summary>
    /// <param name="turn">The turn, in which nothing else changes.</param>
    /// <param name="sender">The worker or node that it is from.</param>
    /// <param name="reason">What is wrong with it.</param>
    public static RunReply.Refused Invalid(TurnContext turn, string? sender, string reason)
    {
        var name = PlainText.Line(sender, PlainText.NameLength);
        var text = $"a message of {name} is refused: {reason}";
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
