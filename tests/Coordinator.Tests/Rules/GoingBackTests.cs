using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Runs that diverge and go back to a checkpoint.</summary>
public sealed class GoingBackTests
{
    private static readonly CheckpointMark Fifth = new(5, "checkpoints/step-5");

    [Fact]
    public void A_rise_of_the_loss_ends_the_generation_and_the_next_one_starts_from_the_checkpoint()
    {
        var run = Trained(rollbacks: 2);
        Assert.IsType<RunReply.Accepted>(run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth))));

        Assert.Equal(RunPhase.Forming, run.State.Phase);
        Assert.Equal(Directive.Rejoin, run.DirectiveOf(0, 9, generation: 1));
        Assert.IsType<RunReply.Held>(run.Join(0, held: 9, left: 1));
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.GoBack);
        run.Join(1, held: 9, left: 1);

        Assert.Equal(5, run.AssignmentOf(0).StartStep);
        Assert.Equal(Fifth, run.AssignmentOf(0).Checkpoint);
        Assert.Equal([new StepRange(6, 9)], run.AssignmentOf(1).PassedOver!);
        Assert.Equal([new StepRange(6, 9)], run.Effects.OfType<RunEffect.RecordGeneration>().Single().Record.PassedOver!);

        // The records after step 5 are set aside before the generation is recorded and published.
        var effects = run.Effects.SkipWhile(effect => effect is not RunEffect.GoBack).ToList();
        Assert.Equal(5, ((RunEffect.GoBack)effects[0]).Step);
        Assert.IsType<RunEffect.PublishStatus>(effects[1]);
        Assert.Contains(effects, effect => effect is RunEffect.RecordGeneration);
        Assert.Equal(5, run.State.RecordedStep);

        // An unanswered message is sent again.
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        Assert.Equal((RunPhase.Running, 2), (run.State.Phase, run.State.Generation));
    }

    [Fact]
    public void Every_rank_that_meets_a_loss_that_is_not_finite_joins_again()
    {
        var run = Trained(rollbacks: 1);
        Assert.Equal(Directive.Rejoin, Diverge(run, 0, 9));
        Assert.Equal(Directive.Rejoin, Diverge(run, 1, 9, generation: 1));
        Assert.Equal(Directive.Rejoin, Diverge(run, 0, 9, generation: 1));
        run.Join(0, held: 9, left: 1);
        run.Join(1, held: 9, left: 1);
        Assert.Equal([new StepRange(10, 10)], run.State.Spec.PassedOver!);
        Assert.Equal((8L, 2), (run.AssignmentOf(0).StartStep, run.AssignmentOf(0).Generation));
        run.Beat(0, 10, records: RunScript.Records(9, 10, generation: 2));
        Assert.Empty(run.State.Failures);
    }

    [Fact]
    public void A_checkpoint_that_is_reported_after_the_divergence_counts_if_it_is_of_an_earlier_step()
    {
        var run = Trained(rollbacks: 1);
        Diverge(run, 1, 9);
        run.Written(0, 9);
        run.Join(0, held: 9, left: 1);
        run.Join(1, held: 9, left: 1);
        Assert.Equal((9L, 9L), (run.AssignmentOf(0).StartStep, run.AssignmentOf(0).Checkpoint!.Step));
    }

    [Fact]
    public void Without_any_checkpoint_the_run_fails_with_the_reason_of_the_divergence()
    {
        var run = new RunScript(RunScript.Spec(2) with { Rollbacks = 1 }).Form();
        Diverge(run, 0, 0);
        run.Join(0, held: 0, left: 1);
        run.Join(1, held: 0, left: 1);
        Assert.Equal((OutcomeKind.Failed, (int?)5), (run.Outcome!.Kind, run.Outcome.ExitCode));
        Assert.Contains("the loss is not finite", run.Outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_goes_back_only_as_often_as_it_may()
    {
        var run = Trained(rollbacks: 1);
        Diverge(run, 0, 9);
        run.Join(0, held: 9, left: 1);
        run.Join(1, held: 9, left: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(9, 9), Fifth)));
        Assert.Equal(RunPhase.Running, run.State.Phase);

        Assert.Equal(Directive.Abort, Diverge(run, 0, 9));
        Diverge(run, 1, 9);
        Assert.Equal((OutcomeKind.Failed, (int?)5), (run.Outcome!.Kind, run.Outcome.ExitCode));
    }

    [Fact]
    public void A_rise_of_the_loss_during_a_planned_regroup_is_answered_after_it()
    {
        var run = new RunScript(RunScript.Spec(2) with { MaxWorkers = 3, Rollbacks = 1 }).Form();
        run.Beat(0, 9, records: RunScript.Records(1, 9));
        run.Beat(1, 9);
        run.Written(0, 5);
        run.Join(2);
        Assert.Equal(Directive.Regroup, run.DirectiveOf(0, 9));
        run.Join(1, held: 10, left: 1);

        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        Assert.True(run.State.IsPlannedRegroup);
        run.Join(0, held: 10, left: 1);
        run.Wait(0.5, 0, 1, 2);

        Assert.Equal(Directive.Rejoin, run.DirectiveOf(0, 10, generation: 2));
        run.Join(0, held: 10, left: 2);
        run.Join(1, held: 10, left: 2);
        run.Join(2);
        Assert.Equal((5L, 3), (run.AssignmentOf(2).StartStep, run.AssignmentOf(2).Generation));
        Assert.Equal([new StepRange(6, 9)], run.AssignmentOf(2).PassedOver!);
    }

    [Fact]
    public void Without_permission_or_an_earlier_checkpoint_a_run_does_not_go_back()
    {
        var run = Trained(rollbacks: 0);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        Assert.Equal(RunPhase.Running, run.State.Phase);

        run = Trained(rollbacks: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(5, 9), Fifth)));
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Stop();
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void A_checkpoint_of_the_undone_history_does_not_count()
    {
        var run = Trained(rollbacks: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        run.Written(0, 9);
        run.Send(new RunMessage.CheckpointFound(new CheckpointMark(9, "checkpoints/step-9")));
        Assert.Equal(Fifth, run.State.LastCheckpoint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_ends_on_its_way_back_ends_at_the_checkpoint_and_saves_nothing_of_what_it_undoes(bool fails)
    {
        var run = Trained(rollbacks: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        run.Join(0, held: 9, left: 1);
        if (fails)
        {
            run.Report(1, WorkerOutcome.Failed, 9, "no space left on device", generation: 1, exitCode: 7);
        }
        else
        {
            run.Stop();
            run.Written(1, 9);
            run.Send(new RunMessage.CheckpointFound(new CheckpointMark(9, "checkpoints/step-9")));
            Assert.Equal(RunPhase.Draining, run.State.Phase);
            run.Join(1, held: 9, left: 1);
        }

        Assert.Equal(Directive.Abort, Assert.IsType<RunReply.Directed>(run.AnswerTo(0)).Directive);
        Assert.Equal(fails ? OutcomeKind.Failed : OutcomeKind.Stopped, run.Outcome!.Kind);
        Assert.Equal(Fifth, run.Outcome.LastCheckpoint);
        Assert.Contains("resumable from step 5", run.Outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_steps_to_pass_over_are_stored_before_the_state_and_again_after_a_takeover()
    {
        var run = Trained(rollbacks: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        Assert.Equal([new StepRange(6, 9)], Assert.IsType<RunEffect.PassOver>(run.Effects[0]).Steps);
        Assert.IsType<RunEffect.PersistState>(run.Effects[1]);

        run.Forget().Send(new RunMessage.TakenOver(9) { RecordedGeneration = 1 });
        Assert.Equal([new StepRange(6, 9)], Assert.Single(run.Effects.OfType<RunEffect.PassOver>()).Steps);

        run = Trained(rollbacks: 1);
        Diverge(run, 0, 9);
        Assert.Equal([new StepRange(10, 10)], Assert.IsType<RunEffect.PassOver>(run.Effects[0]).Steps);
    }

    [Fact]
    public void A_takeover_repeats_what_the_ledger_does_not_know()
    {
        var run = Trained(rollbacks: 1);
        run.Send(new RunMessage.Diverged(new Divergence(new StepRange(6, 9), Fifth)));
        run.Join(0, held: 9, left: 1);
        run.Join(1, held: 9, left: 1);

        run.Forget().Send(new RunMessage.TakenOver(9) { RecordedGeneration = 1 });
        Assert.Equal(5, Assert.Single(run.Effects.OfType<RunEffect.GoBack>()).Step);
        run.Forget().Send(new RunMessage.TakenOver(5) { RecordedGeneration = 2 });
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.GoBack);
    }

    private static Directive Diverge(RunScript run, int slot, long step, int? generation = null) =>
        Assert
            .IsType<RunReply.Directed>(
                run.Report(slot, WorkerOutcome.Failed, step, "the loss is not finite", generation, exitCode: 5, diverged: true)
            )
            .Directive;

    /// <summary>A run of two workers after nine steps, with checkpoints of steps 5 and 8.</summary>
    private static RunScript Trained(int rollbacks)
    {
        var run = new RunScript(RunScript.Spec(2) with { Rollbacks = rollbacks }).Form();
        run.Beat(0, 9, records: RunScript.Records(1, 9));
        run.Beat(1, 9);
        run.Written(0, 5);
        run.Written(0, 8);
        return run.Forget();
    }
}
