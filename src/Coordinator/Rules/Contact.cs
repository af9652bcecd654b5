using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// The coordinator's contact with the run's processes. While it hears from nobody, it presumes that its own network has failed: the
/// workers train on meanwhile, and losing all of them would cost every step since the last checkpoint. Silence therefore counts only up
/// to the last message from anybody, and anew after a time without any.
/// </summary>
internal static class Contact
{
    /// <summary>A node's calls may be this far apart even if it hears nothing new.</summary>
    private static readonly TimeSpan NodeInterval = TimeSpan.FromSeconds(6);

    /// <summary>Notes an accepted message from a worker or a node.</summary>
    public static void Note(TurnContext turn)
    {
        var state = turn.State;
        turn.Refresh(
            state with
            {
                LastContact = turn.Now,
                ContactSince = turn.Now - state.LastContact < LongestGap(state) ? state.ContactSince : turn.Now,
                IsCutOff = false,
            }
        );
    }

    /// <summary>Says once that nobody is heard any more.</summary>
    public static void Watch(TurnContext turn)
    {
        var state = turn.State;
        if (!state.IsCutOff && turn.Now - state.LastContact >= LongestGap(state) && state.Members.Any(member => member.IsLiving))
        {
            turn.Refresh(state with { IsCutOff = true });
            turn.Warn(
                $"no worker or node has been heard for {LongestGap(state).TotalSeconds:0.#} s: is the network of this coordinator down? "
                    + "Workers train on; none counts as lost until somebody is heard again"
            );
        }
    }

    /// <summary>The time for which a process was silent while others were heard. A run that ends does not wait for its network.</summary>
    /// <param name="lastHeard">Time of its last message.</param>
    public static TimeSpan SilenceOf(RunState state, DateTimeOffset lastHeard, DateTimeOffset now) =>
        state is { StopRequestedBy: null, Phase: RunPhase.Forming or RunPhase.Running }
            ? state.LastContact - (lastHeard > state.ContactSince ? lastHeard : state.ContactSince)
            : now - lastHeard;

    private static TimeSpan LongestGap(RunState state) =>
        state.Spec.Timeouts.Heartbeat > NodeInterval ? state.Spec.Timeouts.Heartbeat : NodeInterval;
}
