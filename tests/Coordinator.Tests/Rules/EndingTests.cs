using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class EndingTests
{
    private static readonly RunReply Continue = new RunReply.Directed(Directive.Continue);
    private static readonly RunReply Rejoin = new RunReply.Directed(Directive.Rejoin);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_run_is_completed_when_all_workers_have_completed_and_all_are_answered_then(int world)
    {
        var run = new RunScript(world).Form();
        run.Written(0, 100);
        for (var slot = 0; slot < world - 1; slot++)
        {
            Assert.IsType<RunReply.Held>(run.Report(slot, WorkerOutcome.Completed, 100));
            Assert.IsType<RunReply.Held>(run.Report(slot, WorkerOutcome.Completed, 100));
            Assert.Equal(Directive.Continue, run.DirectiveOf(slot, 100));
            Assert.Null(run.Outcome);
        }

        Assert.Equal(Continue, run.Report(world - 1, WorkerOutcome.Completed, 100));
        Assert.Equal(RunPhase.Completed, run.State.Phase);
        Assert.Equal(
            new RunOutcome(OutcomeKind.Completed, "completed at step 100", new CheckpointMark(100, "checkpoints/step-100")),
            run.Outcome
        );
        for (var slot = 0; slot < world; slot++)
        {
            Assert.Equal(Continue, run.AnswerTo(slot, HeldCall.Report));
            Assert.Equal(Continue, run.Report(slot, WorkerOutcome.Completed, 100));
            run.Exit(slot, 0);
        }

        Assert.Empty(run.Warnings);
    }

    [Fact]
    public void A_crash_after_completion_is_a_warning()
    {
        var run = new RunScript(2).Form();
        run.Report(0, WorkerOutcome.Completed, 100);
        run.Report(1, WorkerOutcome.Completed, 100);
        run.Exit(0, 139);

        Assert.Equal("rank 0 (worker-0) crashed (SIGSEGV, a segmentation fault), after it had completed", Assert.Single(run.Warnings));
    }

    public static TheoryData<int, WorkerOutcome> EarlyLosses =>
        new()
        {
            { 0, WorkerOutcome.Completed },
            { 1, WorkerOutcome.Completed },
            { 0, WorkerOutcome.Stopped },
            { 1, WorkerOutcome.Stopped },
        };

    [Theory]
    [MemberData(nameof(EarlyLosses))]
    public void When_the_last_checkpoint_is_written_the_run_ends_without_those_who_have_not_reported(int lost, WorkerOutcome outcome)
    {
        var run = new RunScript(3).Form();
        run.Written(0, 100);
        run.Report(0, outcome, 100);
        run.Exit(lost, 137);

        Assert.Equal(outcome == WorkerOutcome.Completed ? OutcomeKind.Completed : OutcomeKind.Stopped, run.Outcome!.Kind);
        var without = lost == 0 ? "rank 0 (worker-0), rank 1 (worker-1), rank 2 (worker-2)" : "rank 1 (worker-1), rank 2 (worker-2)";
        Assert.Equal($"the run ends without {without}: its last checkpoint is written", run.Warnings.Last());
    }

    [Fact]
    public void Without_the_last_checkpoint_a_loss_brings_those_who_have_reported_back()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 90);
        run.Report(1, WorkerOutcome.Completed, 100);
        run.Exit(0, 137);

        Assert.Equal(Rejoin, run.AnswerTo(1, HeldCall.Report));
        Assert.Equal(Rejoin, run.Report(1, WorkerOutcome.Completed, 100, generation: 1));
        run.Join(1, 100, 1);
        run.Join(0);
        Assert.Equal(new Assignment(2, 0, 2, 100) { SourceRank = 1, NeedsTransfer = true }, run.AssignmentOf(0));
        run.Report(0, WorkerOutcome.Completed, 100);
        run.Report(1, WorkerOutcome.Completed, 100);
        Assert.Equal("completed at step 100", run.Outcome!.Message);
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

        Assert.Equal(
            new RunOutcome(
                OutcomeKind.Stopped,
                "stopped by Ctrl-C; resumable from step 8: cliptrain resume demo",
                new CheckpointMark(8, "checkpoints/step-8")
            ),
            run.Outcome
        );
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
    public void A_stop_before_the_run_was_formed_ends_it_at_once()
    {
        var run = new RunScript(2, resumedFrom: new CheckpointMark(40, "checkpoints/step-40"));
        run.Join(0);
        run.Stop();

        Assert.Equal("stopped at once by Ctrl-C; resumable from step 40: cliptrain resume demo", run.Outcome!.Message);
        Assert.Equal(2, run.Effects.OfType<RunEffect.KillWorker>().Count());
        Assert.IsType<RunReply.Refused>(run.AnswerTo(0));
    }

    [Fact]
    public void A_stop_at_once_kills_and_names_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 5);
        run.Stop();
        Assert.Null(run.Outcome);
        run.Stop(atOnce: true);

        Assert.Equal("stopped at once by Ctrl-C; resumable from step 5: cliptrain resume demo", run.Outcome!.Message);
        Assert.Equal(["worker-0", "worker-1"], run.Effects.OfType<RunEffect.KillWorker>().Select(kill => kill.WorkerId));
        Assert.Equal(Directive.Abort, run.DirectiveOf(0));
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
    public void Spares_are_sent_home_at_the_end()
    {
        var run = new RunScript(1, managed: 0).Form();
        run.Join(1);
        run.Report(0, WorkerOutcome.Completed, 3);
        Assert.Equal("completed at step 3", Assert.IsType<RunReply.Refused>(run.AnswerTo(1)).Reason);
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
        run.Join(0, 3, 1, "late");
        run.Wait(3600);
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
        run.Written(0, 9);
        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0, 12));
        run.Written(0, 12);
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 13));
        Assert.Equal(12, run.State.LastCheckpoint!.Step);
    }

    [Fact]
    public void A_stop_overrides_a_regroup_and_a_wanted_checkpoint()
    {
        var run = new RunScript(1, max: 2).Form();
        run.Send(new RunMessage.CheckpointRequested());
        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0));
        run.Join(1);
        Assert.Equal(Directive.Regroup, run.DirectiveOf(0));
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
    public void A_checkpoint_of_a_worker_that_was_lost_does_not_count()
    {
        var run = new RunScript(2, managed: 0).Form();
        run.Written(1, 7);
        run.Wait(30, 0);
        Assert.IsType<RunReply.Accepted>(run.Written(1, 9));
        Assert.Equal(7, run.State.LastCheckpoint!.Step);
    }

    [Fact]
    public void What_must_outlive_the_coordinator_is_written_before_anybody_is_answered()
    {
        var run = new RunScript(2);
        run.Join(0);
        run.Forget();
        run.Join(1);
        Assert.IsType<RunEffect.PersistState>(run.Effects[0]);
        Assert.True(
            run.Effects.FindIndex(effect => effect is RunEffect.RecordGeneration)
                < run.Effects.FindIndex(effect => effect is RunEffect.Answer)
        );
    }
}
