using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>A coordinator whose network is down loses nobody because of it.</summary>
public sealed class ContactTests
{
    private static readonly RunTimeouts ThirtySeconds = new() { Heartbeat = TimeSpan.FromSeconds(30) };

    [Fact]
    public void A_coordinator_that_hears_nobody_says_so_once_and_goes_on_with_the_generation_afterwards()
    {
        var run = Trained();
        run.Wait(600);

        Assert.Equal((RunPhase.Running, 1), (run.State.Phase, run.State.Generation));
        Assert.StartsWith("no worker or node has been heard for 30 s", Assert.Single(run.Warnings), StringComparison.Ordinal);

        run.Wait(29, 1);
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 12));
        Assert.Equal((RunPhase.Running, 1), (run.State.Phase, run.State.Generation));

        run.Wait(60);
        Assert.Equal(2, run.Warnings.Count(warning => warning.StartsWith("no worker or node", StringComparison.Ordinal)));
    }

    [Fact]
    public void After_it_a_worker_without_the_state_does_not_take_the_run_back_to_a_checkpoint()
    {
        var run = Trained();
        run.Written(0, 5);
        run.Wait(40);

        run.Join(2);
        run.Wait(10, 2);
        Assert.Equal(Directive.Regroup, run.DirectiveOf(1, 9));
        run.Join(0, held: 10, left: 1);
        run.Join(1, held: 10, left: 1);

        Assert.Equal(new Assignment(2, 2, 3, 10) { SourceRank = 0, NeedsTransfer = true }, run.AssignmentOf(2));
    }

    [Fact]
    public void After_it_a_worker_that_stays_silent_is_lost_after_its_lease()
    {
        var run = Trained();
        run.Wait(40);
        run.Wait(29.5, 1);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(1, 1);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        Assert.Equal(
            "rank 0 (worker-0 on node0) sent no heartbeat for 30 s",
            run.Warnings.Last(warning => warning.StartsWith("rank", StringComparison.Ordinal))
        );
    }

    [Fact]
    public void A_run_that_is_asked_to_stop_does_not_wait_for_its_network()
    {
        var run = Trained();
        run.Stop();
        run.Wait(29);
        Assert.Null(run.Outcome);
        run.Wait(2);
        Assert.Equal(OutcomeKind.Stopped, run.Outcome!.Kind);
    }

    /// <summary>Two workers after step 9 of a run that takes three.</summary>
    private static RunScript Trained()
    {
        var run = new RunScript(2, min: 1, max: 3, managed: 0, timeouts: ThirtySeconds).Form();
        run.Beat(0, 9, records: RunScript.Records(1, 9));
        run.Beat(1, 9);
        return run.Forget();
    }
}
