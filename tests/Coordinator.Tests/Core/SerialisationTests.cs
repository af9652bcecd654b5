using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

public sealed class SerialisationTests
{
    private static readonly RunOutcome Outcome = new(OutcomeKind.Failed, "why", new CheckpointMark(3, "d"));

    public static TheoryData<RunMessage> Messages =>
    [
        new RunMessage.Join(RunScript.JoinRequest(2)),
        new RunMessage.Beat(new Heartbeat("worker-0", 1, 7, [RunScript.Metrics(6), RunScript.Metrics(7)], ["careful"])),
        new RunMessage.Report(new WorkerReport("worker-0", 1, WorkerOutcome.PeerLost, 7, null)),
        new RunMessage.Checkpointed(new CheckpointWritten("worker-0", 7, "d")),
        new RunMessage.WorkerExited("worker-0", 137, ["a", "b"]),
        new RunMessage.StopRequested("Ctrl-C", true),
        new RunMessage.CheckpointRequested(),
        new RunMessage.Tick(),
    ];

    public static TheoryData<RunReply> Replies =>
    [
        new RunReply.Accepted(),
        new RunReply.Held(),
        new RunReply.Assigned(new Assignment(1, 2, 3, "h", 4, "gen1")),
        new RunReply.Directed(Directive.SaveAloneAndExit),
        new RunReply.Refused(RefusalKind.Mismatch, "why"),
    ];

    public static TheoryData<RunEffect> Effects =>
    [
        new RunEffect.Answer("worker-0", HeldCall.Report, new RunReply.Directed(Directive.Abort)),
        new RunEffect.KillWorker("worker-0"),
        new RunEffect.DismissWorker("worker-0"),
        new RunEffect.PersistState(),
        new RunEffect.PublishStatus(),
        new RunEffect.PublishMetrics([RunScript.Metrics(1)]),
        new RunEffect.PublishWarning("careful"),
        new RunEffect.EndRun(Outcome),
    ];

    [Theory]
    [MemberData(nameof(Messages))]
    public void Every_message_survives_JSON(RunMessage message) => AssertSurvives(message, CoordinatorJson.Default.RunMessage);

    [Theory]
    [MemberData(nameof(Replies))]
    public void Every_reply_survives_JSON(RunReply reply) => AssertSurvives(reply, CoordinatorJson.Default.RunReply);

    [Theory]
    [MemberData(nameof(Effects))]
    public void Every_effect_survives_JSON(RunEffect effect) => AssertSurvives(effect, CoordinatorJson.Default.RunEffect);

    [Fact]
    public void The_lists_above_leave_no_case_out()
    {
        Assert.Equal(typeof(RunMessage).GetNestedTypes().Length, Messages.Count<object[]>());
        Assert.Equal(typeof(RunReply).GetNestedTypes().Length, Replies.Count<object[]>());
        Assert.Equal(typeof(RunEffect).GetNestedTypes().Length, Effects.Count<object[]>());
    }

    [Fact]
    public void A_state_with_everything_in_it_survives_JSON()
    {
        var run = new RunScript(3, resumedFrom: new CheckpointMark(2, "d")).Form();
        run.Beat(0, 5, metrics: [RunScript.Metrics(5)]);
        run.Send(new RunMessage.CheckpointRequested());
        run.Stop();
        run.Exit(2, 137, "last words");
        run.Report(0, WorkerOutcome.PeerLost, 5, "reset");
        AssertSurvives(run.State, CoordinatorJson.Default.RunState);
        Assert.NotNull(run.State.Deadline);
        Assert.NotNull(run.State.CheckpointWantedFrom);
    }

    [Fact]
    public void A_loss_that_is_not_finite_survives_JSON()
    {
        var metrics = RunScript.Metrics(1) with { Loss = double.NaN, GradientNorm = double.PositiveInfinity };
        var beat = new Heartbeat("worker-0", 1, 1, [metrics], []);

        var back = JsonSerializer.Deserialize(JsonSerializer.Serialize(beat, CoordinatorJson.Default.Heartbeat), CoordinatorJson.Default.Heartbeat)!;

        Assert.Equal(metrics, Assert.Single(back.Metrics));
    }

    [Theory]
    [InlineData("""{"workerId":"worker-0"}""")]
    [InlineData("""{"workerId":null,"generation":1,"committedStep":0,"metrics":[],"warnings":[]}""")]
    [InlineData("""{"workerId":"worker-0","generation":1,"committedStep":0,"metrics":null,"warnings":[]}""")]
    public void An_incomplete_message_is_an_error(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, CoordinatorJson.Default.Heartbeat));

    private static void AssertSurvives<T>(T value, JsonTypeInfo<T> type)
    {
        var json = JsonSerializer.Serialize(value, type);
        var back = JsonSerializer.Deserialize(json, type)!;
        Assert.Equal(value!.GetType(), back.GetType());
        Assert.Equal(json, JsonSerializer.Serialize(back, type));
        Assert.Equivalent(value, back, strict: true);
    }
}
