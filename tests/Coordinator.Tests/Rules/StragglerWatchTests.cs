using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class StragglerWatchTests
{
    public static TheoryData<int, int> Ranks
    {
        get
        {
            var grid = new TheoryData<int, int>();
            for (var world = 2; world <= 6; world++)
            {
                for (var slow = 0; slow < world; slow++)
                {
                    grid.Add(world, slow);
                }
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(Ranks))]
    public void The_slow_rank_is_found_among_any_number(int world, int slow)
    {
        var watch = After(20, [.. Enumerable.Range(0, world).Select(rank => rank == slow ? 0.23 : 0.1)]);
        Assert.Equal(slow, Assert.Single(watch.Slow));
        Assert.Equal(2.3, watch.Ratio(slow), 12);
    }

    [Theory]
    [InlineData(19, 0.1, 0.3, false)]
    [InlineData(20, 0.1, 0.3, true)]
    [InlineData(20, 0.1, 0.1499, false)]
    [InlineData(20, 0.1, 0.1501, true)]
    [InlineData(20, 0.01, 0.0299, false)]
    [InlineData(20, 0.01, 0.0301, true)]
    public void Slow_is_half_more_and_20_ms_more_over_20_steps(int steps, double others, double seconds, bool slow) =>
        Assert.Equal(slow ? [2] : [], After(steps, others, others, seconds).Slow);

    [Fact]
    public void One_worker_alone_is_never_slow() => Assert.Empty(After(40, 5).Slow);

    [Fact]
    public void Pauses_now_and_then_make_nobody_slow()
    {
        var watch = new StragglerWatch();
        for (var i = 0; i < 60; i++)
        {
            watch = watch.Observe([0.1, i % 3 == 0 ? 5 : 0.1]);
            Assert.Empty(watch.Slow);
        }
    }

    [Fact]
    public void Steps_of_unknown_times_are_left_out()
    {
        var watch = After(19, 0.1, 0.3);
        Assert.Same(watch, watch.Observe([0, 0.3]));
        Assert.Same(watch, watch.Observe([0.1, double.NaN]));
    }

    [Fact]
    public void A_run_says_once_who_is_slow_and_once_that_it_keeps_up_again()
    {
        var run = new RunScript(3, managed: 0).Form();
        for (var step = 1; step <= 30; step++)
        {
            run.Beat(0, step, records: [RunScript.Record(step, 1, step == 1 ? [0, 0, 0] : [0.1, 0.1, 0.23])]);
        }

        Assert.Equal(
            "rank 2 (worker-2 on node2) is slow: 2.3 times the others' time over the last 20 steps; it stays in the run",
            Assert.Single(run.Warnings)
        );
        for (var step = 31; step <= 60; step++)
        {
            run.Beat(0, step, records: [RunScript.Record(step, 1, 0.1, 0.1, 0.1)]);
        }

        Assert.Equal("rank 2 (worker-2 on node2) keeps up with the others again", run.Warnings.Last());
        Assert.Equal(2, run.Warnings.Count());
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Fact]
    public void A_new_generation_is_judged_anew()
    {
        var run = new RunScript(2).Form();
        for (var step = 1; step <= 20; step++)
        {
            run.Beat(0, step, records: [RunScript.Record(step, 1, 0.1, 0.3)]);
        }

        Assert.Equal([1], run.State.Stragglers.Slow);
        run.Join(0, 20, 1, "reset");
        run.Join(1, 20, 1, "reset");
        Assert.Empty(run.State.Stragglers.Slow);
        Assert.Empty(run.State.Stragglers.Steps);
    }

    private static StragglerWatch After(int steps, params double[] busySeconds) =>
        Enumerable.Range(0, steps).Aggregate(new StragglerWatch(), (watch, _) => watch.Observe(busySeconds));
}
