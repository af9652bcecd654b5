using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// The life of a run as a pure function: (state, message, time) to (next state, effects, reply). No clock, socket, disk
/// or process is touched, so that any host with one turn at a time can run it.
/// <para>Forming: workers join until a generation can be formed, in which each has a rank (<see cref="Formation"/>). Running:
/// they train. When one is lost, or one waits to be taken in, the generation is over, its members join again, and the next
/// one starts from the newest state among them (<see cref="Membership"/>, <see cref="StateSource"/>). Draining: the run is
/// ending without all of its workers, and one of them saves (<see cref="Draining"/>). Then Completed, Stopped or Failed.</para>
/// <para>Every message of a worker may be repeated without harm: an answer can get lost on its way. A message that cannot be
/// true of the run is refused and changes nothing (see <see cref="RefusalKind.Invalid"/>).</para>
/// </summary>
public static class RunMachine
{
    public static TurnResult Handle(RunState state, RunMessage message, DateTimeOffset now)
    {
        var turn = new TurnContext(state, now);
        var reply = message switch
        {
            RunMessage.Beats beats => Heartbeats.Receive(turn, beats.Heartbeats),
            RunMessage.Join join => Joining.Join(turn, join.Request),
            RunMessage.Report report => Reports.Receive(turn, report.Outcome),
            RunMessage.Checkpointed written => Checkpoints.Written(turn, written.Checkpoint),
            RunMessage.CheckpointFound found => Checkpoints.Found(turn, found.Checkpoint),
            RunMessage.CheckpointRequested => Checkpoints.Request(turn),
            RunMessage.NodeJoined joined => Placement.Join(turn, joined.Node),
            RunMessage.NodeLost lost => Placement.Lose(turn, lost.NodeId),
            RunMessage.WorkerExited exited => WorkerLoss.Exited(turn, exited),
            RunMessage.StopRequested stop => Ending.RequestStop(turn, stop),
            RunMessage.TakenOver taken => Takeover.Handle(turn, taken),
            RunMessage.Tick => Leases.Tick(turn),
            _ => throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "Unknown message."),
        };
        return turn.Finish(reply);
    }
}
