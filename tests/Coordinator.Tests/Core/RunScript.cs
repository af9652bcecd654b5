using System.Text.Json;
using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

/// <summary>Drives the state machine with a hand-set clock and remembers what it asked for.</summary>
internal sealed class RunScript
{
    public static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public RunScript(int worldSize, RunTimeouts? timeouts = null, CheckpointMark? resumedFrom = null)
    {
        var spec = new RunSpec("demo", worldSize, "v1", "hash1", "127.0.0.1", 4321) { Timeouts = timeouts ?? new RunTimeouts() };
        Now = Start;
        State = RunState.Create(spec, resumedFrom, Now);
    }

    public RunState State { get; private set; }

    public DateTimeOffset Now { get; private set; }

    /// <summary>All effects since the last call of <see cref="Forget"/>.</summary>
    public List<RunEffect> Effects { get; } = [];

    public RunOutcome? Outcome => Effects.OfType<RunEffect.EndRun>().SingleOrDefault()?.Outcome;

    public static JoinRequest JoinRequest(int slot, string code = "v1", string hash = "hash1") =>
        new(WorkerIds.ForSlot(slot), 1000 + slot, "host", code, hash);

    public static StepMetrics Metrics(long step) => new(step, step * 8, step * 0.1, 2.5, 14.3, 1.1, 5e-4, 0.2, 40, 0.05, 0);

    public static string Json(RunState state) => JsonSerializer.Serialize(state, CoordinatorJson.Default.RunState);

    public RunReply Send(RunMessage message)
    {
        var result = RunMachine.Handle(State, message, Now);
        State = result.State;
        Effects.AddRange(result.Effects);
        return result.Reply;
    }

    public RunScript Forget()
    {
        Effects.Clear();
        return this;
    }

    public RunReply Join(int slot) => Send(new RunMessage.Join(JoinRequest(slot)));

    /// <summary>All workers join.</summary>
    public RunScript Form()
    {
        for (var slot = 0; slot < State.Spec.WorldSize; slot++)
        {
            Join(slot);
        }

        Assert.Equal(RunPhase.Running, State.Phase);
        return Forget();
    }

    public RunReply Beat(int slot, long step = 0, int generation = 1, IReadOnlyList<StepMetrics>? metrics = null, IReadOnlyList<string>? warnings = null) =>
        Send(new RunMessage.Beat(new Heartbeat(WorkerIds.ForSlot(slot), generation, step, metrics ?? [], warnings ?? [])));

    public Directive DirectiveOf(int slot, long step = 0) => Assert.IsType<RunReply.Directed>(Beat(slot, step)).Directive;

    public RunReply Report(int slot, WorkerOutcome outcome, long step = 0, string? message = null, int generation = 1) =>
        Send(new RunMessage.Report(new WorkerReport(WorkerIds.ForSlot(slot), generation, outcome, step, message)));

    public RunReply Exit(int slot, int code, params string[] lastLines) =>
        Send(new RunMessage.WorkerExited(WorkerIds.ForSlot(slot), code, lastLines));

    public RunReply Written(int slot, long step) =>
        Send(new RunMessage.Checkpointed(new CheckpointWritten(WorkerIds.ForSlot(slot), step, $"checkpoints/step-{step}")));

    public RunReply Stop(bool atOnce = false) => Send(new RunMessage.StopRequested("Ctrl-C", atOnce));

    /// <summary>Lets time pass with a tick every second, as a host does.</summary>
    public void Wait(TimeSpan time)
    {
        var end = Now + time;
        while (Now < end)
        {
            Now = Now + TimeSpan.FromSeconds(1) < end ? Now + TimeSpan.FromSeconds(1) : end;
            Send(new RunMessage.Tick());
        }
    }

    /// <summary>Time passes and nobody looks at the clock.</summary>
    public void Sleep(TimeSpan time) => Now += time;

    public Member Member(int slot) => State.Members[slot];

    public Directive? AnswerTo(int slot) =>
        (Effects.OfType<RunEffect.Answer>().SingleOrDefault(answer => answer.WorkerId == WorkerIds.ForSlot(slot) && answer.Call == HeldCall.Report)?.Reply as RunReply.Directed)?.Directive;
}
