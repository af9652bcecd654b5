using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class HeartbeatTests
{
    private static readonly RunTimeouts ThirtySeconds = new() { Heartbeat = TimeSpan.FromSeconds(30) };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_silent_worker_is_lost_exactly_when_its_lease_ends_and_not_by_suspicion(bool local)
    {
        var run = new RunScript(2, managed: local ? 2 : 0, timeouts: ThirtySeconds).Form();
        run.Wait(12, 0, 1);
        run.Wait(29.999, 0);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        var name = local ? "rank 1 (worker-1)" : "rank 1 (worker-1 on node1)";
        Assert.Equal($"{name} has been silent for 3 s", Assert.Single(run.Warnings));
        run.Wait(0.001, 0);

        Assert.Equal((RunPhase.Forming, MemberStatus.Lost), (run.State.Phase, run.Member(1).Status));
        Assert.Equal(
            new RunEffect.KillWorker("worker-1", local ? Node.Local : null),
            Assert.Single(run.Effects.OfType<RunEffect.KillWorker>())
        );
        Assert.Equal(local ? Directive.Abort : Directive.Rejoin, run.DirectiveOf(1, generation: 1));
        Assert.Equal($"{name} sent no heartbeat for 30 s", run.Warnings.Last());
    }

    [Fact]
    public void A_worker_that_was_silent_and_beats_again_may_be_suspected_again()
    {
        var run = new RunScript(2, managed: 0, timeouts: ThirtySeconds).Form();
        for (var i = 0; i < 2; i++)
        {
            run.Wait(30, 0, 1);
            run.Wait(10, 0);
        }

        Assert.Equal(2, run.Warnings.Count());
    }

    [Fact]
    public void A_worker_that_is_waited_for_is_dropped_after_3_s_when_it_was_regular()
    {
        var run = new RunScript(3, min: 2, managed: 0, timeouts: ThirtySeconds).Form();
        run.Wait(10, 0, 1, 2);
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");
        run.Wait(2.999, 0, 1);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(0.001, 0, 1);

        Assert.Equal(2, run.AssignmentOf(0).WorldSize);
        Assert.Equal("rank 2 (worker-2 on node2) was silent for 3 s while the others joined again", run.Warnings.Last());
    }

    [Fact]
    public void A_local_worker_is_waited_for_as_long_as_its_process_lives()
    {
        var run = new RunScript(2, min: 1, timeouts: ThirtySeconds).Form();
        run.Wait(10, 0, 1);
        run.Join(0, 5, 1, "reset");
        run.Wait(29.5, 0);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Exit(1, 137);
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void Workers_that_beat_are_never_lost()
    {
        var run = new RunScript(3, timeouts: ThirtySeconds).Form();
        for (var i = 1; i <= 20; i++)
        {
            run.Wait(29);
            for (var slot = 0; slot < 3; slot++)
            {
                Assert.Equal(Directive.Continue, run.DirectiveOf(slot, i));
            }
        }

        Assert.Equal((RunPhase.Running, 20), (run.State.Phase, run.State.CommittedStep));
    }

    [Fact]
    public void The_committed_step_is_the_smallest_that_all_have_told_of()
    {
        var run = new RunScript(3).Form();
        run.Beat(0, 5);
        run.Beat(1, 4);
        Assert.Equal(0, run.State.CommittedStep);
        run.Beat(2, 6);
        Assert.Equal(4, run.State.CommittedStep);
        run.Beat(1, 3);
        Assert.Equal(4, run.State.CommittedStep);
        run.Exit(0, 1);
        Assert.Equal(4, run.State.CommittedStep);
    }

    [Fact]
    public void Time_in_which_the_coordinator_itself_was_suspended_counts_against_nobody()
    {
        var run = new RunScript(2, managed: 0, timeouts: ThirtySeconds).Form();
        run.Wait(10, 0, 1);
        run.Sleep(TimeSpan.FromHours(3));
        run.Send(new RunMessage.Tick());
        Assert.Equal(RunPhase.Running, run.State.Phase);
        Assert.Empty(run.Warnings);

        run.Wait(29.999, 1);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(0.001, 1);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
    }

    [Fact]
    public void Suspension_moves_the_deadline_of_forming_too()
    {
        var run = new RunScript(2, min: 1, timeouts: new RunTimeouts { Forming = TimeSpan.FromSeconds(40) });
        run.Join(0);
        run.Wait(10, 0);
        run.Sleep(TimeSpan.FromMinutes(5));
        run.Wait(29, 0);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(2, 0);
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void Warnings_are_published_with_the_rank_that_gives_them()
    {
        var run = new RunScript(2).Form();
        run.Beat(1, warnings: ["3 of 100 samples could not be decoded"]);
        Assert.Equal("rank 1 (worker-1): 3 of 100 samples could not be decoded", Assert.Single(run.Warnings));
    }

    [Fact]
    public void A_heartbeat_alone_is_not_worth_a_write_to_disk()
    {
        var run = new RunScript(1).Form();
        run.Beat(0, 5, records: RunScript.Records(1, 5));
        run.Wait(3, 0);
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.PersistState or RunEffect.PublishStatus);
    }

    [Fact]
    public void Heartbeats_of_another_generation_change_no_step()
    {
        var run = new RunScript(1).Form();
        Assert.Equal(
            new HeartbeatAnswer(0, Directive.Continue, 0),
            Assert.IsType<RunReply.HeartbeatReply>(run.Beat(0, 50, generation: 0)).Answer
        );
        Assert.Equal(0, run.State.CommittedStep);
    }

    [Fact]
    public void A_worker_beats_before_it_joins_and_one_that_the_run_has_forgotten_joins_again()
    {
        var run = new RunScript(2, managed: 1);
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, generation: 0));
        Assert.Equal(Directive.Continue, run.DirectiveOf(7, generation: 0));
        Assert.Equal(Directive.Rejoin, run.DirectiveOf(7, generation: 3));
        Assert.Null(run.State.Find("worker-7"));
    }

    [Fact]
    public void Reports_and_checkpoints_of_unknown_workers_are_refused()
    {
        var run = new RunScript(2).Form();
        foreach (var reply in new[] { run.Report(9, WorkerOutcome.Completed), run.Written(9, 4), run.Exit(9, 1) })
        {
            Assert.Equal(RefusalKind.UnknownWorker, Assert.IsType<RunReply.Refused>(reply).Kind);
        }
    }

    [Theory]
    [InlineData(WorkerOutcome.Completed)]
    [InlineData(WorkerOutcome.Stopped)]
    public void A_report_of_a_generation_that_is_over_is_answered_with_rejoin(WorkerOutcome outcome)
    {
        var run = new RunScript(2).Form();
        run.Exit(1, 1);
        Assert.Equal(new RunReply.Directed(Directive.Rejoin), run.Report(0, outcome, 5, generation: 1));
        Assert.Equal(MemberStatus.Leaving, run.Member(0).Status);
    }
}
