using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Drives the state machine with a manual clock and records its effects. Workers are named by slot: 0 is worker-0.</summary>
internal sealed class RunScript
{
    public static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Number of restarts of a slot's process.</summary>
    private readonly Dictionary<int, int> _starts = [];

    /// <param name="managed">Number of managed workers; the others join on their own. All by default.</param>
    /// <param name="nodes">One node with a slot for each by default.</param>
    public RunScript(
        int workers,
        int? min = null,
        int? max = null,
        int? managed = null,
        RunTimeouts? timeouts = null,
        CheckpointMark? resumedFrom = null,
        int fruitless = 5,
        IReadOnlyList<Node>? nodes = null
    )
        : this(Spec(workers, min, max, managed, timeouts, fruitless), resumedFrom, nodes) { }

    public RunScript(RunSpec spec, CheckpointMark? resumedFrom = null, IReadOnlyList<Node>? nodes = null)
    {
        Now = Start;
        State = RunState.Create(spec, resumedFrom, Now);
        foreach (var node in nodes ?? [new Node(Node.Local, "node-process-0", State.Spec.ManagedWorkers)])
        {
            State = RunMachine.Handle(State, new RunMessage.NodeJoined(node), Now).State;
        }
    }

    public RunState State { get; private set; }

    public DateTimeOffset Now { get; private set; }

    /// <summary>All effects since the last call of <see cref="Forget"/>.</summary>
    public List<RunEffect> Effects { get; } = [];

    public RunOutcome? Outcome => Effects.OfType<RunEffect.EndRun>().SingleOrDefault()?.Outcome;

    public IEnumerable<string> Warnings => Effects.OfType<RunEffect.PublishWarning>().Select(warning => warning.Text);

    public IEnumerable<long> Recorded =>
        Effects.OfType<RunEffect.RecordSteps>().SelectMany(effect => effect.Records).Select(record => record.Metrics.Step);

    public static RunSpec Spec(
        int workers,
        int? min = null,
        int? max = null,
        int? managed = null,
        RunTimeouts? timeouts = null,
        int fruitless = 5
    ) =>
        new("demo", workers, "v1", "hash1", "corpus1")
        {
            MinWorkers = min ?? workers,
            MaxWorkers = max ?? workers,
            ManagedWorkers = managed ?? workers,
            MaxFruitlessGenerations = fruitless,
            Timeouts = timeouts ?? new RunTimeouts(),
        };

    public static JoinRequest JoinRequest(int slot, int start = 0) =>
        new(WorkerIds.ForSlot(slot), $"process-{slot}-{start}")
        {
            ProcessId = 1000 + slot,
            Host = $"node{slot}",
            Address = $"10.0.0.{slot}",
            CodeVersion = "v1",
            ConfigHash = "hash1",
            CorpusHash = "corpus1",
        };

    public static StepMetrics Metrics(long step) =>
        new()
        {
            Step = step,
            Samples = step * 8,
            Epoch = step * 0.1,
            Loss = 2.5,
            LogitScale = 14.3,
            GradientNorm = 1.1,
            LearningRate = 5e-4,
            StepSeconds = 0.2,
            ImagesPerSecond = 40,
            DataWaitShare = 0.05,
            BadSamples = 0,
        };

    /// <param name="busySeconds">By rank.</param>
    public static StepRecord Record(long step, int generation = 1, params double[] busySeconds) =>
        new(generation, Metrics(step), [.. busySeconds.Select(seconds => new StepShare(8, 0, (ulong)step, seconds))]);

    /// <param name="world">Number of shares; 0 leaves them to <see cref="Beat"/>.</param>
    public static StepRecord[] Records(long first, long last, int generation = 1, int world = 0) =>
        [.. Enumerable.Range(0, Math.Max(0, (int)(last - first + 1))).Select(i => Record(first + i, generation, new double[world]))];

    /// <summary>Completes a record without shares for the last generation.</summary>
    private StepRecord Share(StepRecord record) =>
        record.Shares.Count > 0
            ? record
            : record with
            {
                Shares = [.. Enumerable.Repeat(new StepShare(8, 0, 1, 0), State.Assignment?.WorldSize ?? 1)],
            };

    public static string Json(RunState state) => JsonSerializer.Serialize(state, CoordinatorJson.Default.RunState);

    public RunReply Send(RunMessage message)
    {
        var result = RunMachine.Handle(State, message, Now);
        State = result.State;
        Effects.AddRange(result.Effects);
        foreach (var started in result.Effects.OfType<RunEffect.StartWorker>())
        {
            Renew(Slot(started.WorkerId));
        }

        return result.Reply;
    }

    public RunScript Forget()
    {
        Effects.Clear();
        return this;
    }

    /// <summary>The next join from this slot comes from another process.</summary>
    public void Renew(int slot) => _starts[slot] = _starts.GetValueOrDefault(slot) + 1;

    public JoinRequest Request(int slot) =>
        JoinRequest(slot, _starts.GetValueOrDefault(slot)) with
        {
            Start = State.Find(WorkerIds.ForSlot(slot))?.Start,
        };

    public RunReply Join(int slot, long? held = null, int left = 0, string? reason = null) =>
        Send(new RunMessage.Join(Request(slot) with { HeldStep = held, LeftGeneration = left, Reason = reason }));

    /// <summary>Joins all workers of the specification, after which the first generation runs.</summary>
    public RunScript Form(int? count = null)
    {
        for (var slot = 0; slot < (count ?? State.Spec.Workers); slot++)
        {
            Join(slot);
        }

        Assert.Equal(RunPhase.Running, State.Phase);
        return Forget();
    }

    public RunReply Beat(
        int slot,
        long step = 0,
        int? generation = null,
        IReadOnlyList<StepRecord>? records = null,
        IReadOnlyList<string>? warnings = null
    ) =>
        Send(
            new Heartbeat(
                WorkerIds.ForSlot(slot),
                Request(slot).Incarnation,
                generation ?? State.Generation,
                step,
                [.. (records ?? []).Select(Share)],
                warnings ?? []
            )
        );

    public RunReply Send(Heartbeat heartbeat) =>
        Assert.Single(Assert.IsType<RunReply.HeartbeatReplies>(Send(new RunMessage.Heartbeats([heartbeat]))).Replies);

    public Directive DirectiveOf(int slot, long step = 0, int? generation = null) =>
        Assert.IsType<RunReply.HeartbeatReply>(Beat(slot, step, generation)).Answer.Directive;

    public RunReply Report(
        int slot,
        WorkerOutcome outcome,
        long step = 0,
        string? message = null,
        int? generation = null,
        int? exitCode = null,
        bool diverged = false
    ) =>
        Send(
            new RunMessage.Report(
                new WorkerReport(WorkerIds.ForSlot(slot), Request(slot).Incarnation, generation ?? State.Generation, outcome, step)
                {
                    Message = message,
                    ExitCode = exitCode,
                    Diverged = diverged,
                }
            )
        );

    public RunReply Exit(int slot, int code, params string[] lastLines) =>
        Send(new RunMessage.WorkerExited(WorkerIds.ForSlot(slot), code, lastLines));

    public RunReply Written(int slot, long step) =>
        Send(
            new RunMessage.Checkpointed(
                new CheckpointWritten(WorkerIds.ForSlot(slot), Request(slot).Incarnation, step, $"checkpoints/step-{step}")
            )
        );

    public RunReply Stop(bool atOnce = false) => Send(new RunMessage.StopRequested("Ctrl-C", atOnce));

    /// <summary>Lets time pass with a tick every half second, like a host.</summary>
    /// <param name="beating">Slots that send a heartbeat every half second.</param>
    public void Wait(TimeSpan time, params int[] beating)
    {
        var end = Now + time;
        while (Now < end)
        {
            Now = Now + TimeSpan.FromSeconds(0.5) < end ? Now + TimeSpan.FromSeconds(0.5) : end;
            foreach (var slot in beating)
            {
                Beat(slot, State.Find(WorkerIds.ForSlot(slot))?.CommittedStep ?? 0, State.Find(WorkerIds.ForSlot(slot))?.Generation ?? 0);
            }

            Send(new RunMessage.Tick());
        }
    }

    public void Wait(double seconds, params int[] beating) => Wait(TimeSpan.FromSeconds(seconds), beating);

    /// <summary>Lets time pass without ticks.</summary>
    public void Sleep(TimeSpan time) => Now += time;

    public Member Member(int slot) => State.Find(WorkerIds.ForSlot(slot))!;

    /// <summary>The last answer to a held call.</summary>
    public RunReply? AnswerTo(int slot, HeldCall call = HeldCall.Join) =>
        Effects
            .OfType<RunEffect.Answer>()
            .LastOrDefault(answer => answer.WorkerId == WorkerIds.ForSlot(slot) && answer.Call == call)
            ?.Reply;

    public Assignment AssignmentOf(int slot) => Assert.IsType<RunReply.Assigned>(AnswerTo(slot)).Assignment;

    public static int Slot(string workerId) => int.Parse(workerId["worker-".Length..], System.Globalization.CultureInfo.InvariantCulture);
}
