using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class RecordsTests
{
    [Fact]
    public void Records_are_taken_once_and_acknowledged()
    {
        var run = new RunScript(1).Form();
        Assert.Equal(2, Acknowledged(run.Beat(0, 2, records: RunScript.Records(1, 2))));
        Assert.Equal(4, Acknowledged(run.Beat(0, 4, records: RunScript.Records(1, 4))));
        Assert.Equal(4, Acknowledged(run.Beat(0, 4, records: RunScript.Records(1, 4))));
        Assert.Equal([1, 2, 3, 4], run.Recorded);
    }

    [Fact]
    public void What_does_not_follow_is_not_taken()
    {
        var run = new RunScript(1).Form();
        run.Beat(0, 3, records: [.. RunScript.Records(1, 2), .. RunScript.Records(4, 5)]);
        Assert.Equal(2, run.State.RecordedStep);
        run.Beat(0, 5, records: RunScript.Records(4, 5));
        Assert.Equal([1, 2], run.Recorded);
    }

    [Fact]
    public void Records_of_a_generation_that_is_over_arrive_from_whoever_has_them()
    {
        var run = new RunScript(2, min: 1).Form();
        run.Beat(0, 3, records: RunScript.Records(1, 3));
        run.Exit(0, 137);
        run.Beat(1, 5, generation: 1, records: RunScript.Records(2, 5));
        Assert.Equal(5, run.State.RecordedStep);
        run.Join(1, 7, 1, "reset");
        run.Beat(1, 7, records: RunScript.Records(6, 7));
        run.Beat(1, 8, records: [RunScript.Record(8, 2)]);
        Assert.Equal(Enumerable.Range(1, 8).Select(step => (long)step), run.Recorded);
        Assert.Empty(run.Warnings.Skip(1));
    }

    [Fact]
    public void Undone_steps_are_recorded_again_and_those_of_a_worker_that_was_away_are_not()
    {
        var run = new RunScript(2, min: 1, managed: 0).Form();
        run.Written(0, 3);
        run.Beat(0, 5, records: RunScript.Records(1, 5));
        run.Wait(30, 0);
        run.Join(0, held: null, left: 1, reason: "reset");
        Assert.Equal((3, 3), (run.AssignmentOf(0).StartStep, run.State.RecordedStep));

        run.Join(1, held: 6, left: 1, reason: "reset");
        run.Beat(1, 6, generation: 1, records: RunScript.Records(4, 6));
        Assert.Equal(3, run.State.RecordedStep);
        run.Forget();
        run.Beat(0, 4, records: [RunScript.Record(4, 2)]);
        Assert.Equal([4], run.Recorded);
        Assert.Equal(4, run.State.RecordedStep);
    }

    [Fact]
    public void A_gap_before_the_start_is_closed_by_a_warning_when_all_have_had_their_say()
    {
        var run = new RunScript(2).Form();
        run.Beat(0, 3, records: RunScript.Records(1, 3));
        run.Written(0, 6);
        run.Exit(0, 137);
        run.Exit(1, 137);
        run.Join(0);
        run.Join(1);
        Assert.Equal((6, 3), (run.AssignmentOf(0).StartStep, run.State.RecordedStep));
        run.Forget();

        run.Beat(0, 7, records: [RunScript.Record(7, 2)]);
        Assert.Empty(run.Recorded);
        run.Beat(1, 7);
        run.Beat(0, 8, records: RunScript.Records(7, 8, 2));
        Assert.Equal([7, 8], run.Recorded);
        Assert.Equal(
            "the records of steps 4 to 6 were lost with the workers that held them; the ledger continues at step 7",
            Assert.Single(run.Warnings)
        );
    }

    [Fact]
    public void The_next_batch_is_welcome_when_the_last_one_is_recorded_and_more_is_left()
    {
        var run = new RunScript(1).Form();
        Assert.True(Answer(1, 512, hasMore: true).WantsMoreRecords);
        Assert.False(Answer(514, 600, hasMore: true).WantsMoreRecords);
        Assert.False(Answer(513, 600, hasMore: false).WantsMoreRecords);
        Assert.Equal(600, run.State.RecordedStep);

        HeartbeatAnswer Answer(long first, long last, bool hasMore) =>
            Assert
                .IsType<RunReply.HeartbeatReply>(
                    run.Send(
                        new Heartbeat("worker-0", run.Request(0).Incarnation, 1, last, RunScript.Records(first, last, world: 1), [])
                        {
                            HasMoreRecords = hasMore,
                        }
                    )
                )
                .Answer;
    }

    /// <summary>Of the workers that have old records each holds a stretch of them; who sends first is tried in all orders.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Only_records_that_no_worker_holds_are_given_up_however_small_the_batches(int order)
    {
        // Steps 4 to 20 are built on; 4 to 7 are lost, rank 1 holds 8 to 14 and rank 2 holds 12 to 20.
        var run = new RunScript(3).Form();
        run.Beat(0, 3, records: RunScript.Records(1, 3));
        run.Written(0, 20);
        foreach (var slot in new[] { 0, 1, 2 })
        {
            run.Exit(slot, 137);
        }

        foreach (var slot in new[] { 0, 1, 2 })
        {
            run.Join(slot);
        }

        Assert.Equal((20, 3), (run.AssignmentOf(0).StartStep, run.State.RecordedStep));
        run.Forget();
        (long First, long Last)[] held = [(21, 24), (8, 14), (12, 20)];
        var slots = new List<int> { order % 3, (order + (order < 3 ? 1 : 2)) % 3, (order + (order < 3 ? 2 : 1)) % 3 };
        for (var round = 0; round < 12; round++)
        {
            foreach (var slot in slots)
            {
                var first = Math.Max(held[slot].First, run.State.RecordedStep + 1);
                var last = Math.Min(held[slot].Last, first + 1);
                run.Send(
                    new Heartbeat(
                        WorkerIds.ForSlot(slot),
                        run.Request(slot).Incarnation,
                        2,
                        20,
                        RunScript.Records(first, last, slot == 0 ? 2 : 1, world: 3),
                        []
                    )
                    {
                        HasMoreRecords = last < held[slot].Last,
                    }
                );
            }
        }

        Assert.Equal([.. Enumerable.Range(8, 17).Select(step => (long)step)], run.Recorded);
        Assert.Equal(
            "the records of steps 4 to 7 were lost with the workers that held them; the ledger continues at step 8",
            Assert.Single(run.Warnings)
        );
    }

    private static long Acknowledged(RunReply reply) => Assert.IsType<RunReply.HeartbeatReply>(reply).Answer.RecordedStep;
}
