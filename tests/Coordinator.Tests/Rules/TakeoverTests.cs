using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>The coordinator itself was gone for a while, and another process goes on.</summary>
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
}
