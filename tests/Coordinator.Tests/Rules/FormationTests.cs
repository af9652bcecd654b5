using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class FormationTests
{
    private static readonly RunTimeouts Forty = new()
    {
        Forming = TimeSpan.FromSeconds(40),
        WaitingNotice = TimeSpan.FromSeconds(60),
        Heartbeat = TimeSpan.FromDays(1),
    };

    public static TheoryData<int[]> JoinOrders =>
        [.. Enumerable.Range(1, 4).SelectMany(world => Permutations([.. Enumerable.Range(0, world)]))];

    [Theory]
    [MemberData(nameof(JoinOrders))]
    public void Ranks_follow_ids_in_whatever_order_workers_join(int[] order)
    {
        var run = new RunScript(order.Length);
        foreach (var slot in order[..^1])
        {
            Assert.IsType<RunReply.Held>(run.Join(slot));
            Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.Answer);
        }

        var last = Assert.IsType<RunReply.Assigned>(run.Join(order[^1]));

        Assert.Equal(new Assignment(1, order[^1], order.Length, 0), last.Assignment);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        foreach (var slot in order)
        {
            Assert.Equal(last.Assignment with { Rank = slot }, run.AssignmentOf(slot));
        }

        var record = Assert.Single(run.Effects.OfType<RunEffect.RecordGeneration>()).Record;
        Assert.Equal((1, 0L, run.Now), (record.Generation, record.StartStep, record.Time));
        Assert.Equal(order.Order().Select(WorkerIds.ForSlot), record.Workers);
    }

    [Fact]
    public void Ranks_follow_the_natural_order_of_ids()
    {
        var run = new RunScript(3, managed: 0);
        foreach (var slot in new[] { 10, 2, 0 })
        {
            run.Join(slot);
        }

        Assert.Equal([0, 1, 2], new[] { 0, 2, 10 }.Select(slot => run.AssignmentOf(slot).Rank));
    }

    [Theory]
    [InlineData("worker-2", "worker-10")]
    [InlineData("node-a", "node-b")]
    [InlineData("a9b2", "a9b10")]
    [InlineData("worker-01", "worker-1")]
    [InlineData("worker", "worker-0")]
    [InlineData("Z", "a")]
    [InlineData("n99999999999999999999998", "n99999999999999999999999")]
    public void Ids_have_one_natural_order(string first, string second)
    {
        Assert.True(WorkerIds.Compare(first, second) < 0);
        Assert.True(WorkerIds.Compare(second, first) > 0);
        Assert.Equal(0, WorkerIds.Compare(first, first));
    }

    [Fact]
    public void A_resumed_run_loads_its_checkpoint_on_rank_0_and_hands_it_on()
    {
        var checkpoint = new CheckpointMark(50, "checkpoints/step-50");
        var run = new RunScript(2, resumedFrom: checkpoint);
        run.Join(0);
        run.Join(1);

        Assert.Equal(new Assignment(1, 0, 2, 50) { Checkpoint = checkpoint, NeedsTransfer = true }, run.AssignmentOf(0));
        Assert.Equal(50, run.State.RecordedStep);
        Assert.Equal(50, run.State.CommittedStep);
    }

    [Fact]
    public void One_worker_loads_a_checkpoint_alone()
    {
        var checkpoint = new CheckpointMark(50, "checkpoints/step-50");
        var run = new RunScript(1, resumedFrom: checkpoint);
        Assert.Equal(new Assignment(1, 0, 1, 50) { Checkpoint = checkpoint }, Assert.IsType<RunReply.Assigned>(run.Join(0)).Assignment);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void When_its_time_is_over_the_first_generation_forms_with_the_minimum(int joined)
    {
        var run = new RunScript(4, min: 2, managed: 0, timeouts: Forty);
        for (var slot = 0; slot < joined; slot++)
        {
            run.Join(slot);
        }

        run.Wait(39.999);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Wait(0.001);

        Assert.Equal(joined, run.AssignmentOf(0).WorldSize);
        Assert.Empty(run.Warnings);
    }

    [Fact]
    public void With_fewer_than_the_minimum_the_run_waits_and_says_so_again_and_again()
    {
        var run = new RunScript(4, min: 2, managed: 0, timeouts: Forty);
        run.Join(0);
        run.Wait(39.999);
        Assert.Empty(run.Warnings);
        run.Wait(0.001);
        run.Wait(120);

        Assert.Equal(Enumerable.Repeat("waits for workers: 1 of at least 2 have joined", 3), run.Warnings);
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        run.Join(3);
        Assert.Equal(2, run.AssignmentOf(0).WorldSize);
    }

    [Fact]
    public void A_local_process_that_ends_before_the_run_was_formed_ends_the_run()
    {
        var run = new RunScript(3);
        run.Join(0);
        run.Exit(1, 7, "bad config");

        Assert.Equal(
            "worker-1 exited with code 7 before the run was formed\n  | bad config\nno checkpoint was written",
            run.Outcome!.Message
        );
        Assert.Equal(7, run.Outcome.ExitCode);
        Assert.Equal(RefusalKind.WrongPhase, Assert.IsType<RunReply.Refused>(run.AnswerTo(0)).Kind);
        Assert.Equal(["worker-0", "worker-2"], run.Effects.OfType<RunEffect.KillWorker>().Select(kill => kill.WorkerId));
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.StartWorker);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(137)]
    public void An_end_that_gives_no_reason_gives_the_run_no_exit_code(int code)
    {
        var run = new RunScript(2);
        run.Exit(1, code);

        Assert.Equal(OutcomeKind.Failed, run.Outcome!.Kind);
        Assert.Null(run.Outcome.ExitCode);
    }

    [Fact]
    public void A_remote_worker_that_falls_silent_before_the_run_was_formed_is_only_dropped()
    {
        var run = new RunScript(3, min: 1, managed: 0, timeouts: Forty with { Heartbeat = TimeSpan.FromSeconds(10) });
        run.Join(0);
        run.Join(1);
        run.Wait(10, 0);

        Assert.Equal("worker-1 on node1 sent no heartbeat for 10 s", Assert.Single(run.Warnings));
        run.Wait(30, 0);
        Assert.Equal(1, run.AssignmentOf(0).WorldSize);
    }

    [Theory]
    [InlineData(0, 1, 1, 1)]
    [InlineData(2, 1, 3, 1)]
    [InlineData(4, 2, 3, 1)]
    [InlineData(1, 1, 1, -1)]
    [InlineData(1, 1, 1, 2)]
    public void Numbers_of_workers_must_not_contradict_each_other(int min, int workers, int max, int local) =>
        Assert.Throws<ArgumentException>(() => new RunScript(workers, min, max, local));

    private static IEnumerable<int[]> Permutations(int[] items) =>
        items.Length <= 1
            ? [items]
            : items.SelectMany(first => Permutations([.. items.Where(item => item != first)]).Select(rest => (int[])[first, .. rest]));
}
