using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class SerialisationTests
{
    private static readonly StepRecord Record = RunScript.Record(7, 2, 0.1, 0.2);

    public static TheoryData<RunReply> Replies =>
        [
            new RunReply.Accepted(),
            new RunReply.Held(),
            new RunReply.Assigned(new Assignment(1, 2, 3, 40) { Checkpoint = new CheckpointMark(40, "d"), NeedsTransfer = true }),
            new RunReply.Directed(Directive.SaveAloneAndExit),
            new RunReply.HeartbeatReply(new HeartbeatAnswer(1, Directive.Regroup, 7)),
            new RunReply.HeartbeatReplies([
                new RunReply.HeartbeatReply(new HeartbeatAnswer(1, Directive.Continue, 7)),
                new RunReply.Refused(RefusalKind.Invalid, "why"),
            ]),
            new RunReply.Refused(RefusalKind.Mismatch, "why"),
        ];

    [Fact]
    public void Every_message_of_a_worker_survives_JSON()
    {
        AssertSurvives(
            RunScript.JoinRequest(2) with
            {
                Device = "node2/cuda:0",
                HeldStep = 7,
                LeftGeneration = 2,
                Reason = "reset",
            },
            CoordinatorJson.Default.JoinRequest
        );
        AssertSurvives(new Heartbeat("worker-0", "a", 1, 7, [Record], ["careful"]), CoordinatorJson.Default.Heartbeat);
        AssertSurvives(
            new WorkerReport("worker-0", "a", 1, WorkerOutcome.Failed, 7) { ExitCode = 4 },
            CoordinatorJson.Default.WorkerReport
        );
        AssertSurvives(new CheckpointWritten("worker-0", "a", 7, "d"), CoordinatorJson.Default.CheckpointWritten);
    }

    [Theory]
    [MemberData(nameof(Replies))]
    public void Every_reply_survives_JSON(RunReply reply) => AssertSurvives(reply, CoordinatorJson.Default.RunReply);

    [Fact]
    public void The_list_of_replies_leaves_no_case_out()
    {
        Assert.Equal(typeof(RunReply).GetNestedTypes().Length, Replies.Count<object[]>());
    }

    [Fact]
    public void A_state_with_everything_in_it_survives_JSON()
    {
        var run = new RunScript(3, min: 2, max: 4, managed: 2, resumedFrom: new CheckpointMark(2, "d")).Form();
        run.Wait(10, 0, 1, 2);
        for (var step = 3; step <= 25; step++)
        {
            run.Beat(0, step, records: [RunScript.Record(step, 1, 0.1, 0.1, 0.4)]);
        }

        run.Send(new RunMessage.CheckpointRequested());
        Assert.NotEmpty(run.State.Stragglers.Slow);
        AssertSurvives(run.State, CoordinatorJson.Default.RunState);

        run.Exit(1, 137, "last words");
        run.Join(0, 25, 1, "reset");
        AssertSurvives(run.State, CoordinatorJson.Default.RunState);
        run.Stop();
        AssertSurvives(run.State, CoordinatorJson.Default.RunState);
        Assert.NotNull(run.State.Deadline);
        Assert.NotNull(run.State.CheckpointWantedFrom);
        Assert.NotNull(run.State.DrainsTo);
        Assert.NotEmpty(run.State.Failures);
    }

    [Fact]
    public void A_loss_that_is_not_finite_survives_JSON()
    {
        var metrics = RunScript.Metrics(1) with { Loss = double.NaN, GradientNorm = double.PositiveInfinity };
        var beat = new Heartbeat("worker-0", "a", 1, 1, [new StepRecord(1, metrics, [])], []);

        var back = JsonSerializer.Deserialize(
            JsonSerializer.Serialize(beat, CoordinatorJson.Default.Heartbeat),
            CoordinatorJson.Default.Heartbeat
        )!;

        Assert.Equal(metrics, Assert.Single(back.Records).Metrics);
    }

    [Theory]
    [InlineData("""{"workerId":"worker-0"}""")]
    [InlineData("""{"workerId":null,"incarnation":"a","generation":1,"committedStep":0,"records":[],"warnings":[]}""")]
    [InlineData("""{"workerId":"worker-0","incarnation":"a","generation":1,"committedStep":0,"records":null,"warnings":[]}""")]
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
