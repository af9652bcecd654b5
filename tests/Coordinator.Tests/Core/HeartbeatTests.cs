using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

public sealed class HeartbeatTests
{
    private static readonly RunTimeouts ThirtySeconds = new() { Heartbeat = TimeSpan.FromSeconds(30) };

    [Fact]
    public void A_silent_worker_is_lost_exactly_when_its_lease_ends()
    {
        var run = new RunScript(2, ThirtySeconds).Form();
        run.Wait(TimeSpan.FromSeconds(12));
        run.Beat(0);
        run.Beat(1);
        for (var i = 0; i < 3; i++)
        {
            run.Wait(TimeSpan.FromSeconds(9.999));
            run.Beat(0);
        }

        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(TimeSpan.FromSeconds(0.002));
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(TimeSpan.FromSeconds(0.001));

        Assert.Equal(RunPhase.Draining, run.State.Phase);
        Assert.Equal(MemberStatus.Lost, run.Member(1).Status);
        Assert.Equal(new RunEffect.KillWorker("worker-1"), Assert.Single(run.Effects.OfType<RunEffect.KillWorker>()));
        Assert.Equal(Directive.Abort, run.DirectiveOf(1));
    }

    [Fact]
    public void Workers_that_beat_are_never_lost()
    {
        var run = new RunScript(3, ThirtySeconds).Form();
        for (var i = 1; i <= 100; i++)
        {
            run.Wait(TimeSpan.FromSeconds(29));
            for (var slot = 0; slot < 3; slot++)
            {
                Assert.Equal(Directive.Continue, run.DirectiveOf(slot, i));
            }
        }

        Assert.Equal(RunPhase.Running, run.State.Phase);
        Assert.Equal(100, run.State.CommittedStep);
    }

    [Fact]
    public void Time_in_which_the_coordinator_itself_was_suspended_counts_against_nobody()
    {
        var run = new RunScript(2, ThirtySeconds).Form();
        run.Wait(TimeSpan.FromSeconds(10));
        run.Sleep(TimeSpan.FromHours(3));
        run.Send(new RunMessage.Tick());
        Assert.Equal(RunPhase.Running, run.State.Phase);

        run.Wait(TimeSpan.FromSeconds(19.999));
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Wait(TimeSpan.FromSeconds(0.001));
        Assert.Equal(RunPhase.Failed, run.State.Phase);
    }

    [Fact]
    public void Suspension_moves_the_deadline_of_forming_too()
    {
        var run = new RunScript(2, new RunTimeouts { Forming = TimeSpan.FromSeconds(40) });
        run.Wait(TimeSpan.FromSeconds(10));
        run.Sleep(TimeSpan.FromMinutes(5));
        run.Wait(TimeSpan.FromSeconds(29));
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(TimeSpan.FromSeconds(2));
        Assert.Equal(RunPhase.Failed, run.State.Phase);
    }

    [Fact]
    public void A_completed_worker_needs_no_heartbeats()
    {
        var run = new RunScript(2, ThirtySeconds).Form();
        run.Report(0, WorkerOutcome.Completed, 10);
        for (var i = 0; i < 10; i++)
        {
            run.Wait(TimeSpan.FromSeconds(20));
            run.Beat(1, 9);
        }

        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void Metrics_of_a_repeated_heartbeat_are_published_once()
    {
        var run = new RunScript(1).Form();
        var one = RunScript.Metrics(1);
        var two = RunScript.Metrics(2);
        run.Beat(0, 1, metrics: [one]);
        run.Beat(0, 2, metrics: [one, two]);
        run.Beat(0, 2, metrics: [one, two]);

        Assert.Equal([one, two], run.Effects.OfType<RunEffect.PublishMetrics>().SelectMany(effect => effect.Metrics));
    }

    [Fact]
    public void Warnings_are_published_with_the_rank_that_gives_them()
    {
        var run = new RunScript(2).Form();
        run.Beat(1, warnings: ["3 of 100 samples could not be decoded"]);

        Assert.Equal("rank 1 (worker-1): 3 of 100 samples could not be decoded", Assert.Single(run.Effects.OfType<RunEffect.PublishWarning>()).Text);
    }

    [Fact]
    public void A_heartbeat_alone_is_not_worth_a_write_to_disk()
    {
        var run = new RunScript(1).Form();
        run.Beat(0, 5, metrics: [RunScript.Metrics(5)]);
        run.Wait(TimeSpan.FromSeconds(3));

        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.PersistState or RunEffect.PublishStatus);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Messages_of_another_generation_are_refused_and_change_nothing(int generation)
    {
        var run = new RunScript(2).Form();
        var before = RunScript.Json(run.State);

        foreach (var reply in new[]
        {
            run.Beat(0, 50, generation, [RunScript.Metrics(50)], ["late"]),
            run.Report(1, WorkerOutcome.Failed, 50, "late", generation),
            run.Report(1, WorkerOutcome.PeerLost, 50, "late", generation),
        })
        {
            var refused = Assert.IsType<RunReply.Refused>(reply);
            Assert.Equal(RefusalKind.StaleGeneration, refused.Kind);
            Assert.Contains($"generation {generation} of run demo, which is at generation 1", refused.Reason, StringComparison.Ordinal);
        }

        Assert.Equal(before, RunScript.Json(run.State));
        Assert.Empty(run.Effects);
    }

    [Fact]
    public void Nobody_trains_before_the_run_is_formed()
    {
        var run = new RunScript(2);
        run.Join(0);
        Assert.Equal(RefusalKind.WrongPhase, Assert.IsType<RunReply.Refused>(run.Beat(0)).Kind);
        Assert.Equal(RefusalKind.WrongPhase, Assert.IsType<RunReply.Refused>(run.Report(0, WorkerOutcome.Completed)).Kind);
        Assert.Equal(RefusalKind.UnknownWorker, Assert.IsType<RunReply.Refused>(run.Beat(9)).Kind);
        Assert.Equal(RefusalKind.UnknownWorker, Assert.IsType<RunReply.Refused>(run.Written(9, 4)).Kind);
        Assert.Equal(RefusalKind.UnknownWorker, Assert.IsType<RunReply.Refused>(run.Exit(9, 1)).Kind);
    }
}
