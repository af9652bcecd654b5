using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Broken generations and their successors.</summary>
public sealed class RecoveryTests
{
    private static readonly RunTimeouts ThirtySeconds = new()
    {
        Heartbeat = TimeSpan.FromSeconds(30),
        Regroup = TimeSpan.FromSeconds(60),
        WaitingNotice = TimeSpan.FromSeconds(45),
    };

    /// <summary>
    /// World size, dying workers (bit mask), workers that committed the step in progress (bit mask), the last checkpoint.
    /// </summary>
    public static TheoryData<int, int, int, long> Deaths
    {
        get
        {
            var grid = new TheoryData<int, int, int, long>();
            for (var world = 1; world <= 4; world++)
            {
                for (var dead = 1; dead < 1 << world; dead++)
                {
                    for (var ahead = 0; ahead < 1 << world; ahead++)
                    {
                        foreach (var checkpoint in new[] { 0, 6, 7, 8 })
                        {
                            grid.Add(world, dead, ahead, checkpoint);
                        }
                    }
                }
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(Deaths))]
    public void No_step_is_lost_that_a_survivor_or_a_checkpoint_holds(int world, int dead, int ahead, long checkpoint)
    {
        long Held(int slot) => (ahead >> slot & 1) == 1 ? 8 : 7;
        bool IsDead(int slot) => (dead >> slot & 1) == 1;
        var slots = Enumerable.Range(0, world).ToList();
        var survivors = slots.Where(slot => !IsDead(slot)).ToList();
        var run = new RunScript(world).Form();
        foreach (var slot in slots)
        {
            run.Beat(slot, 7, records: slot == 0 ? RunScript.Records(1, 7) : []);
        }

        if (checkpoint > 0)
        {
            run.Written(0, checkpoint);
        }

        // Half of the survivors notice before the host does.
        foreach (var slot in survivors.Where(slot => slot % 2 == 0))
        {
            Assert.IsType<RunReply.Held>(run.Join(slot, Held(slot), left: 1, reason: "connection reset"));
        }

        foreach (var slot in slots.Where(IsDead))
        {
            run.Exit(slot, 137);
        }

        foreach (var slot in survivors.Where(slot => slot % 2 == 1))
        {
            Assert.Equal(Directive.Rejoin, run.DirectiveOf(slot, Held(slot), generation: 1));
            Assert.IsType<RunReply.Held>(run.Join(slot, Held(slot), left: 1, reason: "connection reset"));
        }

        Assert.Equal(RunPhase.Forming, run.State.Phase);
        foreach (var slot in slots.Where(IsDead))
        {
            Assert.Contains(new RunEffect.StartWorker(WorkerIds.ForSlot(slot), Node.Local, 2), run.Effects);
            run.Join(slot);
        }

        var best = survivors.Count > 0 ? survivors.Max(Held) : 0;
        var expected = Math.Max(best, checkpoint);
        int? source = best > 0 && best >= checkpoint ? survivors.First(slot => Held(slot) == best) : null;
        var assignment = run.AssignmentOf(0);
        Assert.Equal(
            (2, 0, world, expected, source),
            (assignment.Generation, assignment.Rank, assignment.WorldSize, assignment.StartStep, assignment.SourceRank)
        );
        Assert.Equal(
            source is null && checkpoint > 0 ? new CheckpointMark(checkpoint, $"checkpoints/step-{checkpoint}") : null,
            assignment.Checkpoint
        );
        var allHold = slots.All(slot => !IsDead(slot) && Held(slot) == expected);
        Assert.Equal(world > 1 && expected > 0 && !allHold, assignment.NeedsTransfer);
        Assert.Equal(Math.Min(7, expected), run.State.RecordedStep);
        Assert.Equal(expected, run.State.CommittedStep);
        foreach (var slot in slots)
        {
            Assert.Equal(assignment with { Rank = slot }, run.AssignmentOf(slot));
        }
    }

    [Fact]
    public void A_lost_worker_is_named_and_started_again_and_the_others_go_on_without_waiting_for_it()
    {
        var run = new RunScript(3, min: 2).Form();
        run.Exit(2, 137, "last words");
        Assert.Equal("rank 2 (worker-2) was killed (SIGKILL); out of memory?", Assert.Single(run.Warnings));
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");

        Assert.Equal(new Assignment(2, 0, 2, 5) { SourceRank = 0 }, run.AssignmentOf(0));
        Assert.Equal(Directive.Continue, run.DirectiveOf(0, 6));
        run.Join(2);
        Assert.Equal(Directive.Regroup, run.DirectiveOf(0, 6));
    }

    [Fact]
    public void Below_the_minimum_the_run_says_at_once_that_it_waits()
    {
        var run = new RunScript(2, timeouts: ThirtySeconds).Form();
        run.Exit(1, 1);
        Assert.DoesNotContain(run.Warnings, warning => warning.StartsWith("waits", StringComparison.Ordinal));
        run.Join(0, 5, 1, "reset");
        Assert.Equal("waits for workers: 1 of at least 2 have joined", run.Warnings.Last());
        run.Forget();
        run.Wait(44.5, 0);
        Assert.Empty(run.Warnings);
        run.Wait(0.5, 0);
        Assert.Equal("waits for workers: 1 of at least 2 have joined", Assert.Single(run.Warnings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_failed_collective_alone_breaks_a_generation_as_well(bool sourceFirst)
    {
        var run = new RunScript(2).Form();
        foreach (var slot in sourceFirst ? new[] { 1, 0 } : [0, 1])
        {
            run.Join(slot, 5 + slot, 1, "all_reduce: timed out after 300 s");
        }

        Assert.Equal(new Assignment(2, 0, 2, 6) { SourceRank = 1, NeedsTransfer = true }, run.AssignmentOf(0));
        Assert.Equal(
            $"rank {(sourceFirst ? 1 : 0)} (worker-{(sourceFirst ? 1 : 0)}): all_reduce: timed out after 300 s",
            Assert.Single(run.Warnings)
        );
    }

    [Fact]
    public void A_worker_that_holds_no_state_is_given_one()
    {
        var run = new RunScript(2).Form();
        run.Written(0, 4);
        run.Join(0, held: null, left: 1, reason: "reset");
        run.Join(1, held: null, left: 1, reason: "reset");
        Assert.Equal(
            new Assignment(2, 0, 2, 4) { Checkpoint = new CheckpointMark(4, "checkpoints/step-4"), NeedsTransfer = true },
            run.AssignmentOf(0)
        );
    }

    [Fact]
    public void When_nobody_holds_a_state_and_nothing_was_written_the_run_begins_anew()
    {
        var run = new RunScript(2).Form();
        run.Beat(0, 3, records: RunScript.Records(1, 3));
        run.Join(0, held: null, left: 1, reason: "reset");
        run.Join(1, held: null, left: 1, reason: "reset");
        Assert.Equal(new Assignment(2, 0, 2, 0), run.AssignmentOf(0));
        Assert.Equal(0, run.State.RecordedStep);
    }

    [Fact]
    public void Those_who_do_not_join_again_in_time_are_given_up()
    {
        var run = new RunScript(3, min: 2, timeouts: ThirtySeconds).Form();
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");
        run.Wait(59.5, 0, 1, 2);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(0.5, 0, 1, 2);

        Assert.Equal(2, run.AssignmentOf(0).WorldSize);
        Assert.Contains(new RunEffect.KillWorker("worker-2", Node.Local), run.Effects);
        Assert.Equal("rank 2 (worker-2) did not join again within 60 s", run.Warnings.Last());
        run.Exit(2, 137);
        Assert.Contains(new RunEffect.StartWorker("worker-2", Node.Local, 2), run.Effects);
    }

    [Fact]
    public void In_a_planned_regroup_nobody_is_torn_out_of_the_last_exchange_unless_something_goes_wrong()
    {
        var run = new RunScript(3, max: 4).Form();
        run.Join(3);
        run.Join(0, 5, 1);
        Assert.Equal(Directive.Continue, run.DirectiveOf(1, 5, generation: 1));
        run.Exit(2, 1);
        Assert.Equal(Directive.Rejoin, run.DirectiveOf(1, 5, generation: 1));
        Assert.Equal(1, run.State.FruitlessGenerations);
    }

    [Fact]
    public void A_place_that_was_given_in_vain_is_no_obstacle()
    {
        var run = new RunScript(2).Form();
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");

        // Worker 1 never got the answer, and worker 0 gave up on it.
        run.Join(0, 5, 2, "no rendezvous");
        run.Join(1, 5, 1, "reset");
        Assert.Equal(new Assignment(3, 0, 2, 5) { SourceRank = 0 }, run.AssignmentOf(0));
    }

    [Fact]
    public void A_worker_that_was_away_comes_back_as_a_new_one_without_the_steps_that_the_others_undid()
    {
        var run = new RunScript(3, min: 1, managed: 0, timeouts: ThirtySeconds).Form();
        run.Wait(29.5, 0, 1);
        run.Wait(0.5, 0, 1);
        Assert.Equal(MemberStatus.Lost, run.Member(2).Status);
        Assert.Equal(Directive.Rejoin, run.DirectiveOf(2, 9, generation: 1));
        run.Join(0, 7, 1, "reset");
        run.Join(1, 7, 1, "reset");
        Assert.Equal(2, run.AssignmentOf(0).WorldSize);

        Assert.Equal(Directive.Rejoin, run.DirectiveOf(2, 9, generation: 1));
        run.Join(2, held: 9, left: 1, reason: "no answer");
        run.Join(0, 8, 2);
        run.Join(1, 8, 2);
        Assert.Equal(new Assignment(3, 2, 3, 8) { SourceRank = 0, NeedsTransfer = true }, run.AssignmentOf(2));
    }

    [Fact]
    public void Generations_that_break_without_a_new_step_end_the_run_and_the_state_is_saved()
    {
        var run = new RunScript(2, fruitless: 3).Form();
        run.Beat(0, 5);
        run.Beat(1, 5);
        for (var generation = 1; generation <= 3; generation++)
        {
            run.Exit(1, 139, "decoder");
            run.Join(0, 5, generation, "reset");
            run.Join(1);
        }

        Assert.Equal(RunPhase.Draining, run.State.Phase);
        Assert.Equal(new RunReply.Directed(Directive.SaveAloneAndExit), run.AnswerTo(0));
        Assert.Equal(new RunReply.Directed(Directive.Abort), run.AnswerTo(1));
        run.Written(0, 5);
        Assert.Equal(
            "3 generations in a row broke without a new step: rank 1 (worker-1) crashed (SIGSEGV, a segmentation fault) after step 5\n  | "
                + "decoder\nresumable from step 5: cliptrain resume demo",
            run.Outcome!.Message
        );
    }

    [Fact]
    public void A_worker_that_aborts_is_lost_with_a_message_that_says_where()
    {
        var run = new RunScript(2, min: 1).Form();
        run.Beat(1, 7);
        run.Exit(
            1,
            134,
            "terminate called after throwing an instance of 'c10::Error'",
            "  what():  mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
            "Exception raised from meta at LinearAlgebra.cpp:204 (most recent call first):",
            "frame #12: THSTensor_matmul + 0x26 (0x7f650558c106 in libLibTorchSharp.so)"
        );

        Assert.Equal(
            "rank 1 (worker-1) aborted (SIGABRT) after step 7 in THSTensor_matmul: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
            Assert.Single(run.Warnings)
        );
        Assert.False(run.State.HasEnded);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_makes_progress_may_break_as_often_as_it_likes(bool byCheckpoint)
    {
        var run = new RunScript(2, fruitless: 3).Form();
        run.Written(0, 100);
        for (var generation = 1; generation <= 20; generation++)
        {
            run.Exit(1, 139);
            run.Join(0, byCheckpoint ? null : 100 + generation, generation, "reset");
            run.Join(1);
            Assert.Equal(RunPhase.Running, run.State.Phase);
            if (byCheckpoint)
            {
                run.Written(0, 100 + generation);
            }
        }
    }

    [Fact]
    public void A_failure_after_progress_has_nothing_to_do_with_those_before()
    {
        var run = new RunScript(2).Form();
        run.Exit(1, 139, "old story");
        run.Join(0, 5, 1, "reset");
        run.Join(1);
        run.Beat(0, 6);
        run.Beat(1, 6);
        Assert.Empty(run.State.Failures);
        Assert.Equal(0, run.State.FruitlessGenerations);
    }

    [Fact]
    public void A_local_worker_that_cannot_start_ends_the_run()
    {
        var run = new RunScript(2, min: 1).Form();
        run.Exit(1, 1);
        run.Join(0, 5, 1, "reset");
        run.Exit(1, 3, "no such device");
        run.Exit(1, 3, "no such device");
        Assert.Equal(RunPhase.Running, run.State.Phase);
        run.Exit(1, 3, "no such device");

        Assert.Equal(Directive.Rejoin, run.DirectiveOf(0, 5, generation: 2));
        run.Join(0, 5, 2);
        run.Written(0, 5);
        Assert.StartsWith("worker-1 ended 3 times in a row before it had a rank: ", run.Outcome!.Message, StringComparison.Ordinal);
        Assert.Contains("worker-1 exited with code 3 before it had a rank", run.Outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_requested_checkpoint_outlives_its_generation()
    {
        var run = new RunScript(2).Form();
        run.Send(new RunMessage.CheckpointRequested());
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");
        Assert.Equal(Directive.Checkpoint, run.DirectiveOf(0, 5));
    }

    [Theory]
    [InlineData(6, 6)]
    [InlineData(9, 4)]
    public void A_checkpoint_whose_writer_died_before_telling_counts_when_its_step_is_recorded(long found, long expected)
    {
        var run = new RunScript(2).Form();
        run.Written(0, 4);
        run.Beat(0, 8, records: RunScript.Records(1, 8));
        run.Exit(0, 137);
        run.Send(new RunMessage.CheckpointFound(new CheckpointMark(found, $"checkpoints/step-{found}")));
        run.Exit(1, 137);
        run.Renew(0);
        run.Renew(1);
        run.Join(0);
        run.Join(1);
        Assert.Equal((expected, expected), (run.AssignmentOf(0).StartStep, run.AssignmentOf(1).Checkpoint!.Step));
    }
}
