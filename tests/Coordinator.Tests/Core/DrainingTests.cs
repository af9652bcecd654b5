using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

public sealed class DrainingTests
{
    public static TheoryData<long, long, long> CommittedSteps
    {
        get
        {
            var grid = new TheoryData<long, long, long>();
            for (var code = 0; code < 27; code++)
            {
                grid.Add(10 + (code % 3), 10 + (code / 3 % 3), 10 + (code / 9));
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(CommittedSteps))]
    public void The_survivor_with_the_newest_state_saves_and_the_lowest_rank_on_ties(long step0, long step1, long step2)
    {
        long[] steps = [step0, step1, step2];
        var expected = Array.IndexOf(steps, steps.Max());
        foreach (var order in new int[][] { [0, 1, 2], [2, 1, 0], [1, 2, 0] })
        {
            var run = new RunScript(4).Form();
            run.Exit(3, 137);
            foreach (var slot in order)
            {
                Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.Answer);
                run.Report(slot, WorkerOutcome.PeerLost, steps[slot], "connection reset");
            }

            for (var slot = 0; slot < 3; slot++)
            {
                Assert.Equal(slot == expected ? Directive.SaveAloneAndExit : Directive.Abort, run.AnswerTo(slot));
                Assert.Equal(run.AnswerTo(slot), run.DirectiveOf(slot, steps[slot]));
            }

            Assert.Null(run.Outcome);
            run.Written(expected, steps[expected]);
            Assert.Equal($"rank 3 (worker-3) was killed (SIGKILL); out of memory?; resumable from step {steps[expected]}: cliptrain resume demo", run.Outcome!.Message);
            Assert.Equal(OutcomeKind.Failed, run.Outcome.Kind);
            Assert.Equal(steps[expected], run.Outcome.LastCheckpoint!.Step);
        }
    }

    [Fact]
    public void The_answer_is_the_same_when_survivors_report_before_the_death_is_known()
    {
        var run = new RunScript(2).Form();
        Assert.IsType<RunReply.Held>(run.Report(0, WorkerOutcome.PeerLost, 7, "connection reset"));
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 7));
        run.Exit(1, 139, "Segmentation fault in decoder");

        Assert.Equal(Directive.SaveAloneAndExit, run.AnswerTo(0));
        run.Written(0, 7);
        run.Exit(0, 0);
        Assert.Equal("rank 1 (worker-1) crashed (SIGSEGV, a segmentation fault)\n  | Segmentation fault in decoder\nresumable from step 7: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_report_that_is_repeated_gets_the_decision()
    {
        var run = new RunScript(3).Form();
        run.Report(0, WorkerOutcome.PeerLost, 7);
        Assert.IsType<RunReply.Held>(run.Report(0, WorkerOutcome.PeerLost, 7));
        run.Report(1, WorkerOutcome.PeerLost, 7);
        run.Exit(2, 1);

        Assert.Equal(new RunReply.Directed(Directive.SaveAloneAndExit), run.Report(0, WorkerOutcome.PeerLost, 7));
        Assert.Equal(new RunReply.Directed(Directive.Abort), run.Report(1, WorkerOutcome.PeerLost, 7));
        run.Written(0, 7);
        Assert.Equal(new RunReply.Directed(Directive.Abort), run.Report(0, WorkerOutcome.PeerLost, 7));
    }

    [Fact]
    public void Nobody_saves_what_a_checkpoint_holds_already()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 7);
        run.Report(0, WorkerOutcome.PeerLost, 7);
        run.Exit(1, 1);

        Assert.Equal(Directive.Abort, run.AnswerTo(0));
        Assert.Equal("rank 1 (worker-1) exited with code 1; resumable from step 7: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_resumed_run_that_has_made_no_step_keeps_its_checkpoint()
    {
        var run = new RunScript(2, resumedFrom: new CheckpointMark(50, "checkpoints/step-50")).Form();
        run.Report(0, WorkerOutcome.PeerLost, 50);
        run.Exit(1, 1);

        Assert.Equal(Directive.Abort, run.AnswerTo(0));
        Assert.Equal(new CheckpointMark(50, "checkpoints/step-50"), run.Outcome!.LastCheckpoint);
    }

    [Fact]
    public void With_no_survivor_the_last_checkpoint_counts()
    {
        var run = new RunScript(1).Form();
        run.Written(0, 30);
        run.Beat(0, 44);
        run.Exit(0, 134, "terminate called", "what(): bad alloc");

        Assert.Equal("rank 0 (worker-0) aborted (SIGABRT)\n  | terminate called\n  | what(): bad alloc\nresumable from step 30: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void With_no_survivor_and_no_checkpoint_the_message_says_so()
    {
        var run = new RunScript(1).Form();
        run.Exit(0, 0);
        Assert.Equal("rank 0 (worker-0) exited without reporting an outcome (exit code 0); no checkpoint was written", run.Outcome!.Message);
    }

    [Fact]
    public void A_survivor_that_does_not_report_is_given_up_at_the_deadline()
    {
        var run = new RunScript(3, new RunTimeouts { Survivors = TimeSpan.FromSeconds(60) }).Form();
        run.Exit(2, 1);
        run.Report(0, WorkerOutcome.PeerLost, 4);
        for (var i = 0; i < 6; i++)
        {
            Assert.Null(run.AnswerTo(0));
            run.Beat(0, 4);
            run.Beat(1, 9);
            run.Wait(TimeSpan.FromSeconds(i < 5 ? 10 : 9.999));
        }

        Assert.Equal(RunPhase.Draining, run.State.Phase);
        Assert.Null(run.AnswerTo(0));
        run.Wait(TimeSpan.FromSeconds(0.001));

        Assert.Equal(Directive.SaveAloneAndExit, run.AnswerTo(0));
        Assert.Equal(MemberStatus.Lost, run.Member(1).Status);
        Assert.Contains(new RunEffect.KillWorker("worker-1"), run.Effects);
        run.Written(0, 4);
        Assert.Equal("rank 2 (worker-2) exited with code 1; then rank 1 (worker-1) did not report within 60 s after the failure; resumable from step 4: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_survivor_that_does_not_save_in_time_is_given_up()
    {
        var run = new RunScript(2, new RunTimeouts { Save = TimeSpan.FromSeconds(20), Heartbeat = TimeSpan.FromSeconds(30) }).Form();
        run.Written(0, 3);
        run.Exit(1, 1);
        run.Report(0, WorkerOutcome.PeerLost, 9);
        run.Wait(TimeSpan.FromSeconds(19.999));
        Assert.Null(run.Outcome);
        run.Wait(TimeSpan.FromSeconds(0.001));

        Assert.Equal("rank 1 (worker-1) exited with code 1; then rank 0 (worker-0) did not write its checkpoint within 20 s; resumable from step 3: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_saver_that_dies_leaves_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 3);
        run.Exit(1, 1);
        run.Report(0, WorkerOutcome.PeerLost, 9);
        run.Exit(0, 137);

        Assert.EndsWith("then rank 0 (worker-0) was killed (SIGKILL); out of memory?; resumable from step 3: cliptrain resume demo", run.Outcome!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_saver_that_cannot_save_leaves_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Exit(1, 1);
        run.Report(0, WorkerOutcome.PeerLost, 9);
        run.Report(0, WorkerOutcome.Failed, 9, "no space left on device");

        Assert.Equal("rank 1 (worker-1) exited with code 1; then rank 0 (worker-0): no space left on device; no checkpoint was written", run.Outcome!.Message);
    }

    [Fact]
    public void An_older_checkpoint_that_is_still_on_its_way_does_not_end_the_saving()
    {
        var run = new RunScript(2).Form();
        run.Exit(1, 1);
        run.Report(0, WorkerOutcome.PeerLost, 9);
        run.Written(0, 8);
        Assert.Null(run.Outcome);
        Assert.Equal(Directive.SaveAloneAndExit, run.DirectiveOf(0, 9));
        run.Written(0, 9);

        Assert.Equal("rank 1 (worker-1) exited with code 1; resumable from step 9: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_survivor_that_dies_while_it_waits_leaves_the_choice_among_the_others()
    {
        var run = new RunScript(3).Form();
        run.Report(0, WorkerOutcome.PeerLost, 9);
        run.Exit(0, 137);
        run.Report(1, WorkerOutcome.PeerLost, 8);
        run.Exit(2, 1);

        Assert.Equal(Directive.SaveAloneAndExit, run.AnswerTo(1));
    }

    [Fact]
    public void When_only_collectives_failed_the_first_report_is_the_cause_and_one_worker_saves()
    {
        var run = new RunScript(2).Form();
        run.Report(1, WorkerOutcome.PeerLost, 5, "allreduce timed out after 300 s");
        run.Report(0, WorkerOutcome.PeerLost, 5, "connection closed");
        Assert.Equal(Directive.SaveAloneAndExit, run.AnswerTo(0));
        Assert.Equal(Directive.Abort, run.AnswerTo(1));
        run.Written(0, 5);
        Assert.Equal("rank 1 (worker-1): allreduce timed out after 300 s; resumable from step 5: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_reported_failure_is_the_message_and_a_survivor_saves()
    {
        var run = new RunScript(2).Form();
        Assert.Equal(new RunReply.Directed(Directive.Abort), run.Report(1, WorkerOutcome.Failed, 6, "6.2% of the samples could not be used"));
        Assert.Contains(new RunEffect.DismissWorker("worker-1"), run.Effects);
        run.Report(0, WorkerOutcome.PeerLost, 6, "connection closed");
        run.Exit(1, 1, "irrelevant");
        run.Written(0, 6);

        Assert.Equal("rank 1 (worker-1): 6.2% of the samples could not be used; resumable from step 6: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_failure_that_all_ranks_report_is_told_once_and_the_last_checkpoint_counts()
    {
        var run = new RunScript(3).Form();
        run.Written(0, 10);
        for (var slot = 0; slot < 3; slot++)
        {
            run.Report(slot, WorkerOutcome.Failed, 14, "the loss of step 15 is not finite (NaN)");
        }

        Assert.Equal("rank 0 (worker-0): the loss of step 15 is not finite (NaN); resumable from step 10: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_worker_that_completed_has_no_part_in_saving()
    {
        var run = new RunScript(3).Form();
        run.Report(0, WorkerOutcome.Completed, 20);
        run.Exit(2, 1);
        Assert.IsType<RunReply.Directed>(run.Report(1, WorkerOutcome.PeerLost, 19));

        Assert.Equal(Directive.SaveAloneAndExit, run.AnswerTo(1));
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 20));
    }

    [Fact]
    public void Workers_that_stop_while_a_peer_is_lost_end_the_draining()
    {
        var run = new RunScript(3).Form();
        run.Stop();
        run.Written(0, 8);
        run.Exit(2, 1);
        run.Report(0, WorkerOutcome.Stopped, 8);
        run.Report(1, WorkerOutcome.Stopped, 8);

        Assert.Equal("rank 2 (worker-2) exited with code 1; resumable from step 8: cliptrain resume demo", run.Outcome!.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_death_while_forming_fails_the_run_and_releases_the_others(bool joined)
    {
        var run = new RunScript(3);
        run.Join(0);
        if (joined)
        {
            run.Join(1);
        }

        run.Exit(1, 7, "bad config");

        Assert.Equal("worker-1 exited with code 7 before the run was formed\n  | bad config\nno checkpoint was written", run.Outcome!.Message);
        Assert.IsType<RunReply.Refused>(Assert.Single(run.Effects.OfType<RunEffect.Answer>(), answer => answer.WorkerId == "worker-0").Reply);
        Assert.Equal(["worker-0", "worker-2"], run.Effects.OfType<RunEffect.KillWorker>().Select(kill => kill.WorkerId));
    }

    [Fact]
    public void An_exit_is_counted_once()
    {
        var run = new RunScript(3).Form();
        run.Exit(2, 1);
        run.Exit(2, 1);
        Assert.Single(run.State.Failures);
    }

    [Fact]
    public void Many_failures_are_told_in_short()
    {
        var run = new RunScript(8).Form();
        for (var slot = 0; slot < 8; slot++)
        {
            run.Exit(slot, 10 + slot);
        }

        Assert.Equal("rank 0 (worker-0) exited with code 10; then rank 1 (worker-1) exited with code 11; then rank 2 (worker-2) exited with code 12; then rank 3 (worker-3) exited with code 13; and 4 more; no checkpoint was written", run.Outcome!.Message);
    }

    [Theory]
    [InlineData(2, "exited with code 2")]
    [InlineData(128, "exited with code 128")]
    [InlineData(129, "was ended by signal 1")]
    [InlineData(135, "crashed (SIGBUS); is a disk or /dev/shm full?")]
    [InlineData(143, "was terminated (SIGTERM)")]
    [InlineData(255, "exited with code 255")]
    public void Exit_codes_are_told_in_words(int code, string text) => Assert.Equal(text, ExitDescription.Of(code));
}
