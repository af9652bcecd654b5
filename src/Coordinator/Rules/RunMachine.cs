using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// A run as a pure function: (state, message, time) to (next state, effects, reply). It uses no clock, socket, disk or process, so any
/// host that takes one turn at a time can run it.
/// <para>Forming: workers join until they can form a generation, in which each has a rank (<see cref="Formation"/>). Running: they
/// train. When a worker is lost, or another waits to join, the generation is over, its members join again, and the next one starts from
/// the newest state among them (<see cref="Membership"/>, <see cref="StateSource"/>). Draining: the run ends without all of its workers,
/// and one of them saves (<see cref="Draining"/>). A run that diverges forms anew from an earlier
/// checkpoint (<see cref="GoingBack"/>). Finally Completed, Stopped or Failed.</para>
/// <para>Every message of a worker may be repeated without harm, since its answer may be lost. A message that contradicts the run's
/// state is refused and changes nothing (see <see cref="RefusalKind.Invalid"/>).</para>
/// </summary>
public static class RunMachine
{
    public static TurnResult Handle(RunState state, RunMessage message, DateTimeOffset now)
    {
        var turn = new TurnContext(state, now);
        var reply = message switch
        {
            RunMessage.Heartbeats heartbeats => Heartbeats.Receive(turn, heartbeats.All),
            RunMessage.Join join => Joining.Join(turn, join.Request),
            RunMessage.Report report => Reports.Receive(turn, report.Outcome),
            RunMessage.Checkpointed written => Checkpoints.Written(turn, written.Checkpoint),
            RunMessage.CheckpointFound found => Checkpoints.Found(turn, found.Checkpoint),
            RunMessage.CheckpointRequested => Checkpoints.Request(turn),
            RunMessage.Diverged diverged => GoingBack.Handle(turn, diverged),
            RunMessage.NodeJoined joined => Placement.Join(turn, joined.Node),
            RunMessage.NodeLost lost => Placement.Lose(turn, lost.NodeId),
            RunMessage.WorkerExited exited => WorkerLoss.Exited(turn, exited),
            RunMessage.StopRequested stop => Ending.RequestStop(turn, stop),
            RunMessage.TakenOver taken => Takeover.Handle(turn, taken),
            RunMessage.Tick => Leases.Tick(turn),
            _ => throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "Unknown message."),
        };
        if (ShowsContact(message, reply))
        {
            Contact.Note(turn);
        }

        return turn.Finish(reply);
    }

    /// <summary>True for an accepted message that comes over the network.</summary>
    private static bool ShowsContact(RunMessage message, RunReply reply) =>
        message switch
        {
            RunMessage.Heartbeats => ((RunReply.HeartbeatReplies)reply).Replies.Any(each => each is not RunReply.Refused),
            RunMessage.Join or RunMessage.Report or RunMessage.Checkpointed or RunMessage.NodeJoined or RunMessage.WorkerExited => reply
                is not RunReply.Refused,
            _ => false,
        };
}
