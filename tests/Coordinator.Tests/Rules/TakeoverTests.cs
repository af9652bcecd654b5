using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Takeovers after the coordinator was gone for a while.</summary>
public sealed class TakeoverTests
{
    [Fact]
    public void Remote_workers_go_on_as_if_nothing_had_been()
    {
        var run = new RunScript(2, managed: 0).Form();
        run.Wait(10, 0, 1);
        run.Sleep(TimeSpan.FromHours(1));
        run.Send(new RunMessage.TakenOver(4));

        Assert.Equal(RunPhase.Running, run.State.Phase);
        Assert.Equal(4, Assert.IsType<RunReply.HeartbeatReply>(run.Beat(0, 5)).Answer.RecordedStep);
        run.Beat(0, 6, records: RunScript.Records(3, 6));
        Assert.Equal([5, 6], run.Recorded);
        run.Wait(29.999, 0);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(0.001, 0);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
    }

    [Fact]
    public void Deadlines_are_extended_by_the_time_that_the_coordinator_was_gone()
    {
        var run = new RunScript(2, min: 1, managed: 0, timeouts: new RunTimeouts { Forming = TimeSpan.FromSeconds(40) });
        run.Join(0);
        run.Wait(10, 0);
        run.Sleep(TimeSpan.FromHours(1));
        run.Send(new RunMessage.TakenOver(0));
        run.Wait(29.999, 0);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(0.001, 0);
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void A_clock_that_went_back_harms_nobody()
    {
        var run = new RunScript(2, managed: 0).Form();
        run.Wait(10, 0, 1);
        run.Sleep(TimeSpan.FromDays(-1));
        run.Send(new RunMessage.TakenOver(0));
        run.Wait(29.5, 0, 1);
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void A_managed_worker_that_was_started_anew_with_its_node_joins_at_once()
    {
        var run = new RunScript(2, managed: 1).Form();
        run.Send(new RunMessage.TakenOver(0));
        run.Send(new RunMessage.NodeJoined(new Node(Node.Local, "node-process-1", 1)));
        Assert.IsType<RunReply.Held>(run.Join(0));
        run.Join(1, held: 5, left: 1, reason: "reset");
        Assert.Equal(new Assignment(2, 0, 2, 5) { SourceRank = 1, NeedsTransfer = true }, run.AssignmentOf(0));
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(2, 3, false)]
    [InlineData(null, 3, false)]
    public void A_generation_that_the_ledger_lacks_is_recorded_again(int? recordedGeneration, long recordedStep, bool again)
    {
        var run = new RunScript(1).Form();
        run.Beat(0, 5, records: RunScript.Records(1, 5));
        run.Join(0, held: null, left: 1, reason: "reset");
        Assert.Equal(2, run.State.Generation);
        run.Forget();

        run.Send(new RunMessage.TakenOver(3) { RecordedGeneration = recordedGeneration });
        Assert.Equal(again ? 1 : 0, run.Effects.Count(effect => effect is RunEffect.RecordGeneration));
        Assert.Equal(recordedStep, run.State.RecordedStep);
    }

    [Fact]
    public void Nothing_is_forgotten_of_managed_workers_and_what_may_not_have_been_done_is_asked_for_again()
    {
        var run = new RunScript(3, min: 1, timeouts: new RunTimeouts { Heartbeat = TimeSpan.FromSeconds(10) }).Form();
        run.Exit(1, 137);
        run.Wait(10, 0);
        Assert.Equal(MemberStatus.Lost, run.Member(2).Status);
        var before = run
            .State.Members.Select(member =>
                (member.WorkerId, member.Status, member.NodeId, member.Start, member.ProcessId, member.Incarnation)
            )
            .ToList();
        run.Forget();

        run.Send(new RunMessage.TakenOver(0));

        Assert.Equal(
            before,
            run.State.Members.Select(member =>
                (member.WorkerId, member.Status, member.NodeId, member.Start, member.ProcessId, member.Incarnation)
            )
        );
        Assert.Equal(
            [new RunEffect.StartWorker("worker-1", Node.Local, 2), new RunEffect.KillWorker("worker-2", Node.Local)],
            run.Effects.Where(effect => effect is RunEffect.StartWorker or RunEffect.KillWorker)
        );
        run.Send(new RunMessage.WorkerExited("worker-1", 137, []) { Start = 1 });
        Assert.Equal(MemberStatus.Expected, run.Member(1).Status);
        run.Exit(2, 137);
        Assert.Equal((MemberStatus.Expected, 2), (run.Member(2).Status, run.Member(2).Start));
    }

    [Theory]
    [InlineData(OutcomeKind.Completed)]
    [InlineData(OutcomeKind.Stopped)]
    [InlineData(OutcomeKind.Failed)]
    public void The_end_of_a_run_is_told_again_with_the_same_words(OutcomeKind kind)
    {
        var run = new RunScript(1).Form();
        run.Written(0, 5);
        if (kind == OutcomeKind.Completed)
        {
            run.Report(0, WorkerOutcome.Completed, 5);
        }
        else if (kind == OutcomeKind.Stopped)
        {
            run.Stop(atOnce: true);
        }
        else
        {
            run.Report(0, WorkerOutcome.Failed, 5, "no", exitCode: 4);
        }

        var ended = run.Outcome!;
        Assert.Equal(kind, ended.Kind);
        run.Forget();
        run.Send(new RunMessage.TakenOver(0));
        Assert.Equal(ended, run.Outcome);
    }
}
