using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

public sealed class EndingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_run_is_completed_when_all_workers_have_completed(int worldSize)
    {
        var run = new RunScript(worldSize).Form();
        run.Written(0, 100);
        for (var slot = 0; slot < worldSize; slot++)
        {
            Assert.Null(run.Outcome);
            Assert.Equal(new RunReply.Directed(Directive.Continue), run.Report(slot, WorkerOutcome.Completed, 100));
            run.Exit(slot, 0);
        }

        Assert.Equal(RunPhase.Completed, run.State.Phase);
        Assert.Equal(new RunOutcome(OutcomeKind.Completed, "completed at step 100", new CheckpointMark(100, "checkpoints/step-100")), run.Outcome);
    }

    [Fact]
    public void A_crash_after_completion_is_a_warning()
    {
        var run = new RunScript(2).Form();
        run.Report(0, WorkerOutcome.Completed, 100);
        run.Exit(0, 139);
        run.Report(1, WorkerOutcome.Completed, 100);

        Assert.Equal(OutcomeKind.Completed, run.Outcome!.Kind);
        Assert.Equal("rank 0 (worker-0) crashed (SIGSEGV, a segmentation fault), after it had completed", Assert.Single(run.Effects.OfType<RunEffect.PublishWarning>()).Text);
    }

    [Fact]
    public void A_stop_reaches_every_rank_and_ends_the_run_when_all_have_stopped()
    {
        var run = new RunScript(3).Form();
        run.Stop();
        for (var slot = 0; slot < 3; slot++)
        {
            Assert.Equal(Directive.Stop, run.DirectiveOf(slot, 6));
            Assert.Equal(Directive.Stop, run.DirectiveOf(slot, 7));
        }

        run.Written(0, 8);
        for (var slot = 0; slot < 3; slot++)
        {
            Assert.Null(run.Outcome);
            run.Report(slot, WorkerOutcome.Stopped, 8);
            Assert.Equal(Directive.Continue, run.DirectiveOf(slot, 8));
        }

        Assert.Equal(new RunOutcome(OutcomeKind.Stopped, "stopped by Ctrl-C; resumable from step 8: cliptrain resume demo", new CheckpointMark(8, "checkpoints/step-8")), run.Outcome);
        Assert.Equal(RunPhase.Stopped, run.State.Phase);
    }

    [Fact]
    public void A_run_that_reaches_its_end_while_it_should_stop_is_completed()
    {
        var run = new RunScript(2).Form();
        run.Stop();
        run.Report(0, WorkerOutcome.Completed, 100);
        run.Report(1, WorkerOutcome.Completed, 100);
        Assert.Equal(OutcomeKind.Completed, run.Outcome!.Kind);
    }

    [Fact]
    public void A_stop_while_forming_ends_the_run_at_once()
    {
        var run = new RunScript(2, resumedFrom: new CheckpointMark(40, "checkpoints/step-40"));
        run.Join(0);
        run.Stop();

        Assert.Equal("stopped at once by Ctrl-C; resumable from step 40: cliptrain resume demo", run.Outcome!.Message);
        Assert.Equal(2, run.Effects.OfType<RunEffect.KillWorker>().Count());
        Assert.IsType<RunReply.Refused>(Assert.Single(run.Effects.OfType<RunEffect.Answer>()).Reply);
    }

    [Fact]
    public void A_stop_at_once_kills_and_names_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 5);
        run.Stop();
        Assert.Null(run.Outcome);
        run.Stop(atOnce: true);

        Assert.Equal(OutcomeKind.Stopped, run.Outcome!.Kind);
        Assert.Equal("stopped at once by Ctrl-C; resumable from step 5: cliptrain resume demo", run.Outcome.Message);
        Assert.Equal(["worker-0", "worker-1"], run.Effects.OfType<RunEffect.KillWorker>().Select(kill => kill.WorkerId));
        Assert.Equal(Directive.Abort, run.DirectiveOf(0));
    }

    [Fact]
    public void A_stop_at_once_answers_survivors_that_wait()
    {
        var run = new RunScript(2).Form();
        run.Report(0, WorkerOutcome.PeerLost, 5, "reset");
        run.Stop(atOnce: true);
        Assert.Equal(Directive.Abort, run.AnswerTo(0));
    }

    [Fact]
    public void Workers_that_were_killed_on_purpose_are_no_failures()
    {
        var run = new RunScript(2).Form();
        run.Stop(atOnce: true);
        run.Exit(0, 137);
        run.Exit(1, 137);
        Assert.Empty(run.State.Failures);
        Assert.Equal([137, 137], run.State.Members.Select(member => member.ExitCode));
    }

    [Fact]
    public void Nothing_changes_the_phase_of_a_run_that_has_ended()
    {
        var run = new RunScript(1).Form();
        run.Report(0, WorkerOutcome.Completed, 3);
        run.Forget();

        run.Stop();
        run.Stop(atOnce: true);
        run.Report(0, WorkerOutcome.Failed, 3, "late");
        run.Exit(0, 1);
        run.Wait(TimeSpan.FromHours(1));
        Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.CheckpointRequested()));

        Assert.Equal(RunPhase.Completed, run.State.Phase);
        Assert.Null(run.Outcome);
    }

    [Fact]
    public void A_checkpoint_request_is_answered_to_rank_0_until_it_is_written()
    {
        var run = new RunScript(2).Form();
        run.Beat(0, 10);
        run.Beat(1, 10);
        Assert.IsType<RunReply.Accepted>(run.Send(new RunMessage.CheckpointRequested()));
        run.Send(new RunMessage.CheckpointRequested());

        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0, 11));
        Assert.Equal(Directive.Continue, run.DirectiveOf(1, 11));
        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0, 12));
        run.Written(0, 9);
        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0, 12));
        run.Written(0, 12);
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 13));
        Assert.Equal(12, run.State.LastCheckpoint!.Step);
    }

    [Fact]
    public void A_stop_overrides_a_wanted_checkpoint()
    {
        var run = new RunScript(1).Form();
        run.Send(new RunMessage.CheckpointRequested());
        run.Stop();
        Assert.Equal(Directive.Stop, run.DirectiveOf(0));
    }

    [Fact]
    public void An_older_checkpoint_does_not_replace_a_newer_one()
    {
        var run = new RunScript(1).Form();
        run.Written(0, 20);
        run.Written(0, 10);
        Assert.Equal(new CheckpointMark(20, "checkpoints/step-20"), run.State.LastCheckpoint);
    }

    [Fact]
    public void What_must_outlive_the_coordinator_is_written_before_anybody_is_answered()
    {
        var run = new RunScript(2);
        run.Join(0);
        run.Forget();
        run.Join(1);
        Assert.IsType<RunEffect.PersistState>(run.Effects[0]);
        Assert.Contains(run.Effects, effect => effect is RunEffect.Answer);
    }
}
