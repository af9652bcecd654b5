using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>A run that ends without all of its workers: one of them saves.</summary>
public sealed class DrainingTests
{
    private static readonly RunReply Save = new RunReply.Directed(Directive.SaveAloneAndExit);
    private static readonly RunReply Abort = new RunReply.Directed(Directive.Abort);

    public static TheoryData<long, long, long> HeldSteps
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
    [MemberData(nameof(HeldSteps))]
    public void The_survivor_with_the_newest_state_saves_and_the_lowest_rank_on_ties(long step0, long step1, long step2)
    {
        long[] steps = [step0, step1, step2];
        var expected = Array.IndexOf(steps, steps.Max());
        foreach (var order in new int[][] { [0, 1, 2], [2, 1, 0], [1, 2, 0] })
        {
            var run = new RunScript(4).Form();
            Assert.Equal(Abort, run.Report(3, WorkerOutcome.Failed, 9, "6.2% of the samples could not be used", exitCode: 4));
            Assert.Contains(new RunEffect.DismissWorker("worker-3", Node.Local), run.Effects);
            var replies = new RunReply?[3];
            foreach (var slot in order)
            {
                Assert.Equal(Directive.Rejoin, run.DirectiveOf(slot, steps[slot], generation: 1));
                Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.Answer);
                replies[slot] = run.Join(slot, steps[slot], 1, "connection reset");
            }

            for (var slot = 0; slot < 3; slot++)
            {
                var reply = slot == expected ? Save : Abort;
                Assert.Equal(slot == order[^1] ? reply : new RunReply.Held(), replies[slot]);
                Assert.Equal(reply, run.AnswerTo(slot));
                Assert.Equal(reply, run.Join(slot, steps[slot], 1, "connection reset"));
                Assert.Equal(
                    slot == expected ? Directive.SaveAloneAndExit : Directive.Abort,
                    run.DirectiveOf(slot, steps[slot], generation: 1)
                );
            }

            Assert.Null(run.Outcome);
            run.Written(expected, steps[expected]);
            Assert.Equal(
                $"rank 3 (worker-3): 6.2% of the samples could not be used; resumable from step {steps[expected]}: cliptrain resume demo",
                run.Outcome!.Message
            );
            Assert.Equal((OutcomeKind.Failed, 4), (run.Outcome.Kind, run.Outcome.ExitCode));
            Assert.Equal(steps[expected], run.Outcome.LastCheckpoint!.Step);
        }
    }

    [Fact]
    public void The_report_is_the_cause_whatever_was_heard_before_it()
    {
        var run = new RunScript(3).Form();
        run.Exit(2, 139, "Segmentation fault");
        run.Join(0, 7, 1, "connection reset");
        run.Report(1, WorkerOutcome.Failed, 7, "the disk is full", generation: 1, exitCode: 7);
        run.Written(0, 7);

        Assert.Equal(
            "rank 1 (worker-1): the disk is full; then rank 2 (worker-2) crashed (SIGSEGV, a segmentation fault); resumable from step "
                + "7: cliptrain resume demo",
            run.Outcome!.Message
        );
        Assert.Equal(7, run.Outcome.ExitCode);
    }

    [Fact]
    public void A_failure_that_all_ranks_report_is_told_once_and_the_last_checkpoint_counts()
    {
        var run = new RunScript(3).Form();
        run.Written(0, 10);
        for (var slot = 0; slot < 3; slot++)
        {
            run.Report(slot, WorkerOutcome.Failed, 14, "the loss of step 15 is not finite (NaN)", generation: 1);
        }

        Assert.Equal(
            "rank 0 (worker-0): the loss of step 15 is not finite (NaN); resumable from step 10: cliptrain resume demo",
            run.Outcome!.Message
        );
    }

    [Theory]
    [InlineData(7, 7L)]
    [InlineData(7, 6L)]
    [InlineData(7, null)]
    [InlineData(0, 0L)]
    public void Nobody_saves_what_a_checkpoint_holds_already_or_what_is_nothing(long checkpoint, long? held)
    {
        var run = new RunScript(2, resumedFrom: checkpoint > 0 ? new CheckpointMark(checkpoint, "d") : null).Form();
        run.Report(1, WorkerOutcome.Failed, 7, "no");
        Assert.Equal(Abort, run.Join(0, held, 1, "reset"));
        Assert.Equal(Abort, run.Join(0, held, 1, "reset"));
        Assert.Equal(Abort, run.AnswerTo(0));
        Assert.Equal(
            "rank 1 (worker-1): no; " + (checkpoint > 0 ? "resumable from step 7: cliptrain resume demo" : "no checkpoint was written"),
            run.Outcome!.Message
        );
    }

    [Fact]
    public void A_survivor_that_does_not_join_again_is_given_up_at_the_deadline()
    {
        var run = new RunScript(3, timeouts: new RunTimeouts { Regroup = TimeSpan.FromSeconds(60) }).Form();
        run.Report(2, WorkerOutcome.Failed, 4, "no");
        run.Join(0, 4, 1, "reset");
        run.Wait(59.999, 0, 1);
        Assert.Null(run.AnswerTo(0));
        run.Wait(0.001, 0, 1);

        Assert.Equal(Save, run.AnswerTo(0));
        Assert.Equal(MemberStatus.Lost, run.Member(1).Status);
        Assert.Contains(new RunEffect.KillWorker("worker-1", Node.Local), run.Effects);
        run.Written(0, 4);
        Assert.Equal(
            "rank 2 (worker-2): no; then rank 1 (worker-1) did not join again within 60 s; resumable from step 4: cliptrain resume demo",
            run.Outcome!.Message
        );
    }

    [Fact]
    public void A_survivor_that_does_not_save_in_time_is_given_up()
    {
        var run = new RunScript(2, timeouts: new RunTimeouts { Save = TimeSpan.FromSeconds(20) }).Form();
        run.Written(0, 3);
        run.Report(1, WorkerOutcome.Failed, 9, "no");
        run.Join(0, 9, 1, "reset");
        run.Wait(19.999);
        Assert.Null(run.Outcome);
        run.Wait(0.001);

        Assert.Equal(
            "rank 1 (worker-1): no; then worker-0 did not write its checkpoint within 20 s; resumable from step 3: cliptrain resume demo",
            run.Outcome!.Message
        );
    }

    [Fact]
    public void A_saver_that_dies_leaves_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 3);
        run.Report(1, WorkerOutcome.Failed, 9, "no");
        run.Join(0, 9, 1, "reset");
        run.Exit(0, 137);

        Assert.EndsWith(
            "then worker-0 was killed (SIGKILL); out of memory?; resumable from step 3: cliptrain resume demo",
            run.Outcome!.Message,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.StartWorker);
    }

    [Fact]
    public void A_saver_that_cannot_save_leaves_the_last_checkpoint()
    {
        var run = new RunScript(2).Form();
        run.Report(1, WorkerOutcome.Failed, 9, "no");
        run.Join(0, 9, 1, "reset");
        run.Report(0, WorkerOutcome.Failed, 9, "no space left on device");

        Assert.Equal("rank 1 (worker-1): no; then worker-0: no space left on device; no checkpoint was written", run.Outcome!.Message);
    }

    [Fact]
    public void An_older_checkpoint_that_is_still_on_its_way_does_not_end_the_saving()
    {
        var run = new RunScript(2).Form();
        run.Report(1, WorkerOutcome.Failed, 9, "no");
        run.Join(0, 9, 1, "reset");
        run.Written(0, 8);
        Assert.Null(run.Outcome);
        Assert.Equal(Directive.SaveAloneAndExit, run.DirectiveOf(0, 9, generation: 1));
        run.Written(0, 9);

        Assert.Equal("rank 1 (worker-1): no; resumable from step 9: cliptrain resume demo", run.Outcome!.Message);
    }

    [Fact]
    public void A_stop_while_a_later_generation_forms_saves_the_newest_state()
    {
        var run = new RunScript(3).Form();
        run.Exit(2, 1);
        run.Join(0, 5, 1, "reset");
        run.Stop();
        Assert.Null(run.Outcome);
        run.Join(1, 6, 1, "reset");
        Assert.Equal(Save, run.AnswerTo(1));
        run.Written(1, 6);

        Assert.Equal(
            new RunOutcome(
                OutcomeKind.Stopped,
                "stopped by Ctrl-C; resumable from step 6: cliptrain resume demo",
                new CheckpointMark(6, "checkpoints/step-6")
            ),
            run.Outcome
        );
        Assert.Contains(new RunEffect.KillWorker("worker-2", Node.Local), run.Effects);
    }

    [Fact]
    public void A_generation_that_breaks_while_it_should_stop_is_not_formed_again()
    {
        var run = new RunScript(2).Form();
        run.Stop();
        run.Exit(1, 1);
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.StartWorker);
        Assert.Equal(Save, run.Join(0, 6, 1, "reset"));
        run.Written(0, 6);
        Assert.Equal(OutcomeKind.Stopped, run.Outcome!.Kind);
    }

    [Fact]
    public void A_failure_outweighs_a_stop()
    {
        var run = new RunScript(3).Form();
        run.Stop();
        run.Exit(2, 1);
        run.Report(1, WorkerOutcome.Failed, 5, "no", generation: 1);
        run.Join(0, 5, 1, "reset");
        run.Written(0, 5);
        Assert.Equal(OutcomeKind.Failed, run.Outcome!.Kind);
    }

    [Fact]
    public void Many_failures_are_told_in_short()
    {
        var run = new RunScript(8).Form();
        for (var slot = 0; slot < 8; slot++)
        {
            run.Report(slot, WorkerOutcome.Failed, 3, $"reason {slot}", generation: 1);
        }

        Assert.Equal(
            "rank 0 (worker-0): reason 0; then rank 1 (worker-1): reason 1; then rank 2 (worker-2): reason 2; then rank 3 (worker-3): "
                + "reason 3; and 4 more; no checkpoint was written",
            run.Outcome!.Message
        );
    }

    [Fact]
    public void A_worker_that_fails_before_the_run_was_formed_ends_it()
    {
        var run = new RunScript(2);
        run.Join(0);
        Assert.Equal(Abort, run.Report(1, WorkerOutcome.Failed, 0, "no such device", exitCode: 3));
        Assert.Equal("worker-1: no such device; no checkpoint was written", run.Outcome!.Message);
        Assert.Equal(3, run.Outcome.ExitCode);
    }

    [Theory]
    [InlineData(0, "exited without reporting an outcome (exit code 0)")]
    [InlineData(2, "exited with code 2")]
    [InlineData(128, "exited with code 128")]
    [InlineData(129, "was ended by signal 1")]
    [InlineData(135, "crashed (SIGBUS); is a disk or /dev/shm full?")]
    [InlineData(143, "was terminated (SIGTERM)")]
    [InlineData(255, "exited with code 255")]
    public void Exit_codes_are_told_in_words(int code, string text) => Assert.Equal(text, ExitDescription.Of(code));
}
