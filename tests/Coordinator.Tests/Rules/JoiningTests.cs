using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class JoiningTests
{
    [Theory]
    [InlineData("v2", "hash1", "corpus1", "its code version is v2, the run's is v1")]
    [InlineData("v1", "hash2", "corpus1", "its configuration hash is hash2, the run's is hash1")]
    [InlineData("v1", "hash1", "corpus2", "its corpus hash is corpus2, the run's is corpus1")]
    [InlineData("v2", "hash1", "corpus2", "its code version is v2, the run's is v1; its corpus hash is corpus2, the run's is corpus1")]
    public void A_worker_that_does_not_fit_is_told_what_differs_and_what_to_do(string code, string config, string corpus, string difference)
    {
        var run = new RunScript(2);
        var request = RunScript.JoinRequest(1) with { CodeVersion = code, ConfigHash = config, CorpusHash = corpus };

        var refused = Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(request)));

        Assert.Equal(RefusalKind.Mismatch, refused.Kind);
        Assert.Equal(
            $"worker-1 on node1 does not match run demo: {difference}. Start every worker with the same build, configuration and corpus.",
            refused.Reason
        );
        Assert.Equal(MemberStatus.Expected, run.Member(1).Status);
        Assert.Equal(refused.Reason, Assert.Single(run.Warnings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_repeated_join_gets_the_same_answer_and_changes_nothing(bool formed)
    {
        var run = new RunScript(2);
        run.Join(1);
        if (formed)
        {
            run.Join(0);
        }

        var before = RunScript.Json(run.State);
        var reply = run.Join(1);

        Assert.Equal(before, RunScript.Json(run.State));
        Assert.Equal(formed ? new RunReply.Assigned(run.AssignmentOf(1)) : new RunReply.Held(), reply);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Another_process_cannot_take_the_name_of_a_local_one_that_lives(bool formed)
    {
        var run = new RunScript(2);
        run.Join(0);
        if (formed)
        {
            run.Join(1);
        }

        run.Sleep(TimeSpan.FromSeconds(10));
        run.Renew(0);
        var refused = Assert.IsType<RunReply.Refused>(run.Join(0));

        Assert.Equal(RefusalKind.NameTaken, refused.Kind);
        Assert.Equal(
            "worker-0 has joined run demo already, as process 1000 on node0. Give this worker another name, or end that one.",
            refused.Reason
        );
        Assert.Equal("process-0-0", run.Member(0).Incarnation);
    }

    [Fact]
    public void A_remote_name_is_taken_until_its_process_was_silent_for_3_s()
    {
        var run = new RunScript(2, managed: 0).Form();
        run.Wait(2.999, 1);
        run.Renew(0);
        Assert.Equal(RefusalKind.NameTaken, Assert.IsType<RunReply.Refused>(run.Join(0)).Kind);
        run.Wait(0.001, 1);
        Assert.IsType<RunReply.Held>(run.Join(0));

        Assert.Equal("rank 0 (worker-0 on node0) was replaced by process 1000 on node0", Assert.Single(run.Warnings));
        Assert.Equal((RunPhase.Forming, 2), (run.State.Phase, run.State.Generation));
        Assert.Equal(Directive.Rejoin, run.DirectiveOf(1, generation: 1));
        run.Join(1, held: 4, left: 1, reason: "reset");
        Assert.Equal(new Assignment(2, 0, 2, 4) { SourceRank = 1, NeedsTransfer = true }, run.AssignmentOf(0));
    }

    [Fact]
    public void The_process_that_was_replaced_is_sent_away()
    {
        var run = new RunScript(2, managed: 0);
        run.Join(0);
        run.Sleep(TimeSpan.FromSeconds(5));
        run.Renew(0);
        run.Join(0);

        Assert.Equal(RefusalKind.NameTaken, Assert.IsType<RunReply.Refused>(run.AnswerTo(0)).Kind);
        var old = new Heartbeat("worker-0", "process-0-0", 1, 5, [], []);
        Assert.Equal(Directive.Abort, Assert.IsType<RunReply.HeartbeatReply>(run.Send(old)).Answer.Directive);
        Assert.Equal(
            new RunReply.Directed(Directive.Abort),
            run.Send(new RunMessage.Report(new WorkerReport("worker-0", "process-0-0", 1, WorkerOutcome.Failed, 5) { Message = "late" }))
        );
        Assert.Equal(RunPhase.Forming, run.State.Phase);
    }

    [Fact]
    public void A_device_belongs_to_one_living_worker()
    {
        var run = new RunScript(3, managed: 0);
        run.Send(new RunMessage.Join(RunScript.JoinRequest(0) with { Device = "node0/cuda:0" }));
        run.Join(1);

        var refused = Assert.IsType<RunReply.Refused>(
            run.Send(new RunMessage.Join(RunScript.JoinRequest(2) with { Device = "node0/cuda:0" }))
        );
        Assert.Equal(RefusalKind.DeviceTaken, refused.Kind);
        Assert.Equal("worker-2 cannot use node0/cuda:0: worker-0 uses it. Give each worker its own device.", refused.Reason);

        run.Wait(30, 1);
        Assert.IsType<RunReply.Held>(run.Send(new RunMessage.Join(RunScript.JoinRequest(2) with { Device = "node0/cuda:0" })));
    }

    [Fact]
    public void A_join_after_the_end_is_refused_with_the_reason_of_the_end()
    {
        var run = new RunScript(2);
        run.Exit(0, 7);

        var refused = Assert.IsType<RunReply.Refused>(run.Join(1));

        Assert.Equal(RefusalKind.WrongPhase, refused.Kind);
        Assert.StartsWith("worker-0 exited with code 7", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_joins_a_run_with_room_for_it_makes_all_ranks_regroup()
    {
        var run = new RunScript(2, min: 1, max: 3, managed: 2).Form();
        Assert.IsType<RunReply.Held>(run.Join(2));
        Assert.Equal(Directive.Regroup, run.DirectiveOf(0, 5));
        Assert.Equal(Directive.Regroup, run.DirectiveOf(1, 5));
        Assert.Equal(Directive.Continue, run.DirectiveOf(2, generation: 0));

        Assert.IsType<RunReply.Held>(run.Join(1, held: 6, left: 1));
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 6, generation: 1));
        Assert.IsType<RunReply.Assigned>(run.Join(0, held: 6, left: 1));

        Assert.Equal(new Assignment(2, 2, 3, 6) { SourceRank = 0, NeedsTransfer = true }, run.AssignmentOf(2));
        Assert.Equal(0, run.State.FruitlessGenerations);
        Assert.Empty(run.State.Failures);
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 6));
    }

    [Fact]
    public void A_worker_beyond_the_maximum_is_a_spare_that_steps_in()
    {
        var run = new RunScript(2, managed: 0).Form();
        run.Join(2);
        Assert.IsType<RunReply.Held>(run.Join(2));
        Assert.Equal("worker-2 on node2 waits as a spare: the run takes at most 2 workers", Assert.Single(run.Warnings));
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 5));

        run.Wait(30, 0, 2);
        run.Join(0, held: 5, left: 1, reason: "reset");

        Assert.Equal(new Assignment(2, 1, 2, 5) { SourceRank = 0, NeedsTransfer = true }, run.AssignmentOf(2));
    }

    [Fact]
    public void Holders_of_the_state_come_before_others_when_there_are_too_many()
    {
        var run = new RunScript(2, max: 2, managed: 0).Form();
        run.Join(2);
        run.Send(new RunMessage.Join(RunScript.JoinRequest(0) with { WorkerId = "a" }));
        run.Join(1, held: 5, left: 1, reason: "reset");
        run.Join(0, held: 5, left: 1, reason: "reset");

        Assert.Equal((0, 1), (run.AssignmentOf(0).Rank, run.AssignmentOf(1).Rank));
        Assert.False(run.AssignmentOf(0).NeedsTransfer);
        Assert.Equal(MemberStatus.Joined, run.Member(2).Status);
    }

    [Fact]
    public void A_run_at_its_end_takes_nobody_in()
    {
        var run = new RunScript(2, min: 1, max: 3, managed: 2).Form();
        run.Report(0, WorkerOutcome.Completed, 9);
        run.Join(2);
        Assert.Equal(Directive.Continue, run.DirectiveOf(1, 8));
    }
}
