namespace ClipTrain.Coordinator.Core;

/// <summary>
/// The life of a run as a pure function: (state, message, time) to (next state, effects, reply). No clock, socket, disk
/// or process is touched, so that any host with one turn at a time can run it.
/// <para>Forming: ranks are given, in slot order, when all workers have joined. Running: heartbeats keep leases. Draining:
/// a worker is lost, survivors report and one of them saves (<see cref="Draining"/>). Then Completed, Stopped or Failed.</para>
/// <para>Every message may be repeated without harm: an answer can get lost on its way.</para>
/// </summary>
public static class RunMachine
{
    public static TurnResult Handle(RunState state, RunMessage message, DateTimeOffset now)
    {
        var turn = new Turn(state, now);
        var reply = message switch
        {
            RunMessage.Join join => Formation.Join(turn, join.Request),
            RunMessage.Beat beat => Training.Beat(turn, beat.Heartbeat),
            RunMessage.Report report => Training.Report(turn, report.Outcome),
            RunMessage.Checkpointed written => Training.Checkpointed(turn, written.Checkpoint),
            RunMessage.WorkerExited exited => Departure.Exited(turn, exited),
            RunMessage.StopRequested stop => Training.Stop(turn, stop),
            RunMessage.CheckpointRequested => Training.RequestCheckpoint(turn),
            RunMessage.Tick => Leases.Tick(turn),
            _ => throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "Unknown message."),
        };
        return turn.Finish(reply);
    }
}
