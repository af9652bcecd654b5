using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Messages that contradict the run's state are refused with a reason, cause one warning, and change nothing.</summary>
public sealed class MessageCheckTests
{
    private const string Long = "0123456789012345678901234567890123456789";
    private static readonly StepRecord Good = new(1, RunScript.Metrics(1), [new StepShare(8, 0, 1, 0.1), new StepShare(8, 1, 1, 0.1)]);

    public static TheoryData<string, StepRecord> WrongRecords =>
        new()
        {
            { "the loss is NaN", With(metrics => metrics with { Loss = double.NaN }) },
            { "the loss is Infinity", With(metrics => metrics with { Loss = double.PositiveInfinity }) },
            { "the gradient norm is NaN", With(metrics => metrics with { GradientNorm = double.NaN }) },
            { "the logit scale is NaN", With(metrics => metrics with { LogitScale = double.NaN }) },
            { "the logit bias is -Infinity", With(metrics => metrics with { LogitBias = double.NegativeInfinity }) },
            { "the learning rate is -1", With(metrics => metrics with { LearningRate = -1 }) },
            { "the time is NaN", With(metrics => metrics with { StepSeconds = double.NaN }) },
            { "the number of samples is -5", With(metrics => metrics with { Samples = -5 }) },
            { "the name of its objective", With(metrics => metrics with { Objective = "clip\n" }) },
            { "the learning rate is Infinity", With(metrics => metrics with { LearningRate = double.PositiveInfinity }) },
            { "the image rate is Infinity", With(metrics => metrics with { ImagesPerSecond = double.PositiveInfinity }) },
            { "the figures of its loader", With(metrics => metrics with { Loader = Loader(double.NaN) }) },
            { "the figures of its loader", With(metrics => metrics with { Loader = Loader(double.PositiveInfinity) }) },
            { "the figures of its loader", With(metrics => metrics with { Loader = Loader(1) with { Read = null! } }) },
            {
                "Infinity busy seconds",
                Good with
                {
                    Shares = [new StepShare(8, 0, 1, double.PositiveInfinity), new StepShare(8, 0, 1, 0.1)],
                }
            },
            {
                "its epochs of corpora",
                With(metrics =>
                    metrics with
                    {
                        CorpusEpochs = new Dictionary<string, double>(StringComparer.Ordinal) { ["a"] = double.NaN },
                    }
                )
            },
            { "the utilisation is -1", With(metrics => metrics with { Mfu = -1 }) },
            { "its image tower", With(metrics => metrics with { ImageTower = new TowerMetrics(double.NaN, null, null) }) },
            { "its text tower", With(metrics => metrics with { TextTower = new TowerMetrics(1, double.PositiveInfinity, 1) }) },
            {
                "its shares of phases",
                With(metrics => metrics with { Phases = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss\n"] = 0.5 } })
            },
            { "does not follow that of step 0", With(metrics => metrics with { Step = 0 }) },
            { "does not follow that of step 0", With(metrics => metrics with { Step = -3 }) },
            { "is beyond the run's last step, 100", With(metrics => metrics with { Step = 101 }) },
            { "there is no generation 0", Good with { Generation = 0 } },
            { "it has 1 shares for 2 ranks", Good with { Shares = [new StepShare(16, 0, 1, 0.1)] } },
            { "it has 0 shares for 2 ranks", Good with { Shares = [] } },
            {
                "its shares have 15 samples of a global batch of 16",
                Good with
                {
                    Shares = [new StepShare(8, 0, 1, 0.1), new StepShare(7, 0, 1, 0.1)],
                }
            },
            { "a share has -8 samples", Good with { Shares = [new StepShare(-8, 0, 1, 0.1), new StepShare(24, 0, 1, 0.1)] } },
            { "9 of them bad", Good with { Shares = [new StepShare(8, 9, 1, 0.1), new StepShare(8, 0, 1, 0.1)] } },
            { "NaN busy seconds", Good with { Shares = [new StepShare(8, 0, 1, double.NaN), new StepShare(8, 0, 1, 0.1)] } },
            { "is empty", null! },
            { "is empty", Good with { Metrics = null! } },
        };

    private static LoaderMetrics Loader(double busy) =>
        new(new(1, 0, 0, 0), new(1, busy, 0, 0), new(1, 0, 0, 0), new(1, 0, 0, 0), QueuedSamples: 0, QueuedBatches: 0);

    [Theory]
    [MemberData(nameof(WrongRecords))]
    public void A_record_that_cannot_be_true_is_refused_and_named(string reason, StepRecord record) =>
        AssertRefused(reason, run => new RunMessage.Heartbeats([Beat(run) with { Records = [record] }]));

    [Fact]
    public void What_is_true_is_taken()
    {
        var run = Formed();
        Assert.IsType<RunReply.HeartbeatReply>(run.Send(Beat(run) with { CommittedStep = 1, Records = [Good] }));
        Assert.Equal(1, run.State.RecordedStep);
        Assert.Empty(run.Warnings);
    }

    public static TheoryData<string, Func<Heartbeat, Heartbeat>> WrongHeartbeats =>
        new()
        {
            { "the generation -1 is negative", beat => beat with { Generation = -1 } },
            { "the step -1 is negative", beat => beat with { CommittedStep = -1 } },
            { "step 101 is beyond the run's last step, 100", beat => beat with { CommittedStep = 101 } },
            { "it has 513 records", beat => beat with { Records = [.. Enumerable.Repeat(Good, 513)] } },
            { "the record of step 1 does not follow that of step 1", beat => beat with { Records = [Good, Good] } },
            { "incomplete", beat => beat with { Records = null! } },
            { "incomplete", beat => beat with { Warnings = null! } },
        };

    [Theory]
    [MemberData(nameof(WrongHeartbeats))]
    public void A_heartbeat_that_cannot_be_true_renews_no_lease(string reason, Func<Heartbeat, Heartbeat> change) =>
        AssertRefused(reason, run => new RunMessage.Heartbeats([change(Beat(run))]));

    public static TheoryData<string, Func<JoinRequest, JoinRequest>> WrongJoins =>
        new()
        {
            { "its worker id is empty", join => join with { WorkerId = "" } },
            { "its worker id \"a b\" is too long or has control characters", join => join with { WorkerId = "a\nb" } },
            { "its worker id \"" + Long + "…\" is too long", join => join with { WorkerId = Long + new string('x', 200) } },
            { "its incarnation is empty", join => join with { Incarnation = null! } },
            { "its host", join => join with { Host = "node\u001b[31m" } },
            { "its address", join => join with { Address = "10.0.0.1\u2028" } },
            { "its device", join => join with { Device = "" } },
            { "its code version", join => join with { CodeVersion = new string('1', 201) } },
            { "its configuration hash", join => join with { ConfigHash = "\0" } },
            { "its corpus hash", join => join with { CorpusHash = "" } },
            { "the process id -7 is negative", join => join with { ProcessId = -7 } },
            { "the generation -1 is negative", join => join with { LeftGeneration = -1 } },
            { "it holds the state of step 5 but was in no generation", join => join with { HeldStep = 5 } },
            { "the step -5 is negative", join => join with { HeldStep = -5, LeftGeneration = 1 } },
            { "step 101 is beyond the run's last step, 100", join => join with { HeldStep = 101, LeftGeneration = 1 } },
        };

    [Theory]
    [MemberData(nameof(WrongJoins))]
    public void A_join_that_cannot_be_true_adds_nobody(string reason, Func<JoinRequest, JoinRequest> change) =>
        AssertRefused(reason, _ => new RunMessage.Join(change(RunScript.JoinRequest(7))));

    public static TheoryData<string, Func<WorkerReport, WorkerReport>> WrongReports =>
        new()
        {
            { "the generation -1 is negative", report => report with { Generation = -1 } },
            { "the outcome 7 is unknown", report => report with { Outcome = (WorkerOutcome)7 } },
            { "256 is not an exit code", report => report with { ExitCode = 256 } },
            {
                "it has completed the run at step 99 of 100",
                report => report with { Outcome = WorkerOutcome.Completed, CommittedStep = 99 }
            },
            { "step 101 is beyond the run's last step, 100", report => report with { CommittedStep = 101 } },
        };

    [Theory]
    [MemberData(nameof(WrongReports))]
    public void A_report_that_cannot_be_true_ends_nothing(string reason, Func<WorkerReport, WorkerReport> change) =>
        AssertRefused(
            reason,
            run => new RunMessage.Report(change(new WorkerReport("worker-0", run.Request(0).Incarnation, 1, WorkerOutcome.Failed, 9)))
        );

    [Theory]
    [InlineData("a checkpoint of step 0 holds nothing", 0, "d")]
    [InlineData("the step -1 is negative", -1, "d")]
    [InlineData("step 101 is beyond the run's last step, 100", 101, "d")]
    [InlineData("its directory is empty", 5, "")]
    [InlineData("its directory", 5, "a\nb")]
    public void A_checkpoint_that_cannot_be_true_does_not_count(string reason, long step, string directory) =>
        AssertRefused(
            reason,
            run => new RunMessage.Checkpointed(new CheckpointWritten("worker-0", run.Request(0).Incarnation, step, directory))
        );

    [Theory]
    [InlineData(1L << 40)]
    [InlineData(65_537)]
    public void A_checkpoint_from_farther_on_than_the_ledger_can_lack_is_refused(long step)
    {
        var run = new RunScript(RunScript.Spec(2) with { TotalSteps = null }).Form();
        run.Beat(0, step - 1);

        var refused = Assert.IsType<RunReply.Refused>(run.Written(0, step));

        Assert.Equal(RefusalKind.Invalid, refused.Kind);
        Assert.Null(run.State.LastCheckpoint);
    }

    [Fact]
    public void A_checkpoint_whose_last_records_are_still_to_come_counts()
    {
        var run = new RunScript(2).Form();

        Assert.IsType<RunReply.Accepted>(run.Written(0, 65_536));
        Assert.Equal(65_536, run.State.LastCheckpoint?.Step);
    }

    [Fact]
    public void A_worker_that_was_in_no_generation_has_written_no_checkpoint()
    {
        var run = Formed();
        run.Join(2);
        Assert.Equal(RefusalKind.Invalid, Assert.IsType<RunReply.Refused>(run.Written(2, 5)).Kind);
        Assert.Null(run.State.LastCheckpoint);
    }

    [Theory]
    [InlineData("", "1", 1)]
    [InlineData("a\tb", "1", 1)]
    [InlineData("a", "", 1)]
    [InlineData("a", "1", -1)]
    [InlineData("a", "1", 1_000_000)]
    public void A_node_that_cannot_be_is_refused(string id, string incarnation, int slots) =>
        AssertRefused("a", _ => new RunMessage.NodeJoined(new Node(id, incarnation, slots)));

    [Fact]
    public void Without_a_known_end_a_step_that_no_machine_can_have_reached_is_refused()
    {
        var run = new RunScript(1).Form();
        Assert.IsType<RunReply.HeartbeatReply>(run.Beat(0, 36_000_000));
        run = new RunScript(1).Form();
        Assert.Contains(
            "is not reachable yet: the run was at step 0 recently",
            Assert.IsType<RunReply.Refused>(run.Beat(0, 36_000_001)).Reason,
            StringComparison.Ordinal
        );
        run.Sleep(TimeSpan.FromSeconds(1));
        Assert.IsType<RunReply.HeartbeatReply>(run.Beat(0, 36_000_001));
    }

    [Fact]
    public void A_run_that_was_resumed_beyond_its_end_may_say_that_it_has_completed()
    {
        var run = Formed(new CheckpointMark(120, "d"));
        Assert.IsType<RunReply.HeartbeatReply>(run.Beat(0, 120));
        run.Report(0, WorkerOutcome.Completed, 120);
        run.Report(1, WorkerOutcome.Completed, 120);
        Assert.Equal("completed at step 120", run.Outcome!.Message);
    }

    [Fact]
    public void One_wrong_heartbeat_of_a_batch_leaves_the_others_alone()
    {
        var run = Formed();
        var wrong = Beat(run) with { CommittedStep = -1 };
        var right = new Heartbeat("worker-1", run.Request(1).Incarnation, 1, 4, [], []);
        var replies = Assert
            .IsType<RunReply.HeartbeatReplies>(
                run.Send(new RunMessage.Heartbeats([wrong, right, null!, right with { WorkerId = "stranger" }]))
            )
            .Replies;
        Assert.Equal(
            [typeof(RunReply.Refused), typeof(RunReply.HeartbeatReply), typeof(RunReply.Refused), typeof(RunReply.HeartbeatReply)],
            replies.Select(reply => reply.GetType())
        );
        Assert.Equal((0, 4), (run.Member(0).CommittedStep, run.Member(1).CommittedStep));
    }

    [Fact]
    public void A_sender_of_nonsense_is_lost_by_its_lease_and_the_run_goes_on()
    {
        var run = new RunScript(2, min: 1, timeouts: new RunTimeouts { Heartbeat = TimeSpan.FromSeconds(10) }).Form();
        for (var i = 0; i < 20; i++)
        {
            run.Send(Beat(run) with { CommittedStep = -1 });
            run.Wait(0.5, 1);
        }

        Assert.Equal((MemberStatus.Lost, RunPhase.Forming), (run.Member(0).Status, run.State.Phase));
        run.Join(1, 5, 1, "reset");
        Assert.Equal(RunPhase.Running, run.State.Phase);
        Assert.Single(run.Warnings, warning => warning.Contains("refused a message", StringComparison.Ordinal));
    }

    [Fact]
    public void Senders_with_ever_new_names_do_not_fill_the_log_or_the_state()
    {
        var run = Formed();
        for (var i = 0; i < 1000; i++)
        {
            Assert.IsType<RunReply.Refused>(
                run.Send(new RunMessage.Join(RunScript.JoinRequest(7) with { WorkerId = $"w{i}", ProcessId = -1 }))
            );
        }

        Assert.Equal((64, 64), (run.Warnings.Count(), run.State.RefusedSenders.Count));
    }

    [Fact]
    public void What_workers_say_is_shown_bounded_and_on_one_line()
    {
        var run = Formed();
        run.Beat(0, warnings: [.. Enumerable.Repeat("a\u001b[31m\nb\u0007" + new string('x', 5000), 70)]);
        Assert.Equal(65, run.Warnings.Count());
        Assert.All(
            run.Warnings.SkipLast(1),
            warning => Assert.StartsWith("rank 0 (worker-0): a\ufffd[31m b\ufffdxxx", warning, StringComparison.Ordinal)
        );
        Assert.All(run.Warnings, warning => Assert.InRange(warning.Length, 1, 2100));
        Assert.Equal("rank 0 (worker-0): 6 more warnings", run.Warnings.Last());

        run.Forget().Join(1, 5, 1, "reset\r\nby peer");
        Assert.Equal("rank 1 (worker-1): reset  by peer", Assert.Single(run.Warnings));
        run.Report(0, WorkerOutcome.Failed, 5, "line one\nline two\u0000", generation: 1);
        Assert.Equal("line one\nline two\ufffd", run.State.Failures.Last().Text);
        run.Exit(1, 1, "\u001b[2Jgone");
        Assert.Equal("\ufffd[2Jgone", run.State.Failures.Last().LastLines[0]);
    }

    [Theory]
    [InlineData("plain", 10, "plain")]
    [InlineData("", 10, "")]
    [InlineData(null, 10, "")]
    [InlineData("0123456789a", 10, "0123456789…")]
    [InlineData("a\tb\u2029c\u0085", 10, "a b c\ufffd")]
    [InlineData("ab😀", 3, "ab…")]
    [InlineData("ab😀", 4, "ab😀")]
    public void A_line_keeps_what_can_be_shown(string? text, int most, string line) => Assert.Equal(line, PlainText.Line(text, most));

    private static StepRecord With(Func<StepMetrics, StepMetrics> change) => Good with { Metrics = change(Good.Metrics) };

    private static RunScript Formed(CheckpointMark? resumedFrom = null) =>
        new RunScript(RunScript.Spec(2, max: 3) with { TotalSteps = 100, GlobalBatch = 16 }, resumedFrom).Form();

    private static Heartbeat Beat(RunScript run) => new("worker-0", run.Request(0).Incarnation, 1, 0, [], []);

    private static void AssertRefused(string reason, Func<RunScript, RunMessage> message)
    {
        var run = Formed();
        run.Sleep(TimeSpan.FromSeconds(1));
        var before = RunScript.Json(run.State);
        for (var i = 0; i < 3; i++)
        {
            var reply = run.Send(message(run));
            var refused = Assert.IsType<RunReply.Refused>(reply is RunReply.HeartbeatReplies { Replies: [var one] } ? one : reply);
            Assert.Equal(RefusalKind.Invalid, refused.Kind);
            Assert.Contains(reason, refused.Reason, StringComparison.Ordinal);
            Assert.Equal(refused.Reason, Assert.Single(run.Effects.OfType<RunEffect.PublishWarning>()).Text);
            Assert.Single(run.Effects);
        }

        Assert.Equal(before, RunScript.Json(run.State with { RefusedSenders = [] }));
    }
}
