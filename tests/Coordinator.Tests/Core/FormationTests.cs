using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

public sealed class FormationTests
{
    public static TheoryData<int[]> JoinOrders => [.. Enumerable.Range(1, 4).SelectMany(world => Permutations([.. Enumerable.Range(0, world)]))];

    [Theory]
    [MemberData(nameof(JoinOrders))]
    public void Ranks_follow_slots_in_whatever_order_workers_join(int[] order)
    {
        var run = new RunScript(order.Length);
        foreach (var slot in order[..^1])
        {
            Assert.IsType<RunReply.Held>(run.Join(slot));
            Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.Answer);
        }

        var last = Assert.IsType<RunReply.Assigned>(run.Join(order[^1]));

        Assert.Equal(new Assignment(1, order[^1], order.Length, "127.0.0.1", 4321, "gen1"), last.Assignment);
        Assert.Equal(RunPhase.Running, run.State.Phase);
        foreach (var slot in order[..^1])
        {
            var answer = Assert.Single(run.Effects.OfType<RunEffect.Answer>(), answer => answer.WorkerId == $"worker-{slot}");
            Assert.Equal(HeldCall.Join, answer.Call);
            Assert.Equal(last.Assignment with { Rank = slot }, Assert.IsType<RunReply.Assigned>(answer.Reply).Assignment);
        }
    }

    [Fact]
    public void A_worker_with_other_code_is_refused_and_told_what_differs()
    {
        var run = new RunScript(2);

        var refused = Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(RunScript.JoinRequest(1, code: "v2"))));

        Assert.Equal(RefusalKind.Mismatch, refused.Kind);
        Assert.Contains("its code version is v2, the run's is v1", refused.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("configuration hash", refused.Reason, StringComparison.Ordinal);
        Assert.Equal(MemberStatus.Expected, run.Member(1).Status);
        Assert.Equal(refused.Reason, Assert.Single(run.Effects.OfType<RunEffect.PublishWarning>()).Text);
    }

    [Fact]
    public void A_worker_with_another_configuration_is_refused_and_told_what_differs()
    {
        var run = new RunScript(2);

        var refused = Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(RunScript.JoinRequest(1, hash: "hash2"))));

        Assert.Equal(RefusalKind.Mismatch, refused.Kind);
        Assert.Contains("its configuration hash is hash2, the run's is hash1", refused.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("code version", refused.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("worker-2")]
    [InlineData("worker--1")]
    [InlineData("Worker-0")]
    [InlineData("")]
    public void An_unknown_worker_is_refused(string workerId)
    {
        var run = new RunScript(2);

        var refused = Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(RunScript.JoinRequest(0) with { WorkerId = workerId })));

        Assert.Equal(RefusalKind.UnknownWorker, refused.Kind);
        Assert.Contains("worker-0 to worker-1", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_repeated_join_gets_the_same_place()
    {
        var run = new RunScript(2);
        run.Join(1);
        Assert.IsType<RunReply.Held>(run.Join(1));
        run.Join(0);

        Assert.Equal(1, Assert.IsType<RunReply.Assigned>(run.Join(1)).Assignment.Rank);
        Assert.Equal(RunPhase.Running, run.State.Phase);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Another_process_cannot_take_a_place_that_is_taken(bool formed)
    {
        var run = new RunScript(2);
        run.Join(0);
        if (formed)
        {
            run.Join(1);
        }

        var refused = Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(RunScript.JoinRequest(0) with { ProcessId = 77 })));

        Assert.Equal(RefusalKind.PlaceTaken, refused.Kind);
        Assert.Contains("as process 1000 on host", refused.Reason, StringComparison.Ordinal);
        Assert.Equal(1000, run.Member(0).ProcessId);
    }

    [Fact]
    public void Forming_fails_at_its_deadline_and_names_who_is_missing()
    {
        var run = new RunScript(3, new RunTimeouts { Forming = TimeSpan.FromSeconds(40) });
        run.Join(1);
        run.Wait(TimeSpan.FromSeconds(39.999));
        Assert.Equal(RunPhase.Forming, run.State.Phase);

        run.Wait(TimeSpan.FromSeconds(0.001));

        Assert.Equal(RunPhase.Failed, run.State.Phase);
        Assert.Equal("1 of 3 workers joined within 40 s; missing: worker-0, worker-2; no checkpoint was written", run.Outcome!.Message);
        var answer = Assert.Single(run.Effects.OfType<RunEffect.Answer>());
        Assert.Equal(("worker-1", HeldCall.Join), (answer.WorkerId, answer.Call));
        Assert.Equal(run.Outcome.Message, Assert.IsType<RunReply.Refused>(answer.Reply).Reason);
    }

    [Fact]
    public void A_join_after_the_end_is_refused_with_the_reason_of_the_end()
    {
        var run = new RunScript(2);
        run.Exit(0, 7);

        var refused = Assert.IsType<RunReply.Refused>(run.Join(1));

        Assert.Equal(RefusalKind.WrongPhase, refused.Kind);
        Assert.Contains("worker-0 exited with code 7", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_needs_a_worker()
    {
        Assert.Throws<ArgumentException>(() => new RunScript(0));
    }

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length <= 1
        ? [items]
        : items.SelectMany(first => Permutations([.. items.Where(item => item != first)]).Select(rest => (int[])[first, .. rest]));
}
