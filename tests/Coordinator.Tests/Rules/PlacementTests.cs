using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Managed workers on nodes: their placement, and nodes that join, leave or return.</summary>
public sealed class PlacementTests
{
    /// <summary>Workers, slots of up to three nodes (0: no such node), and the node that is lost.</summary>
    public static TheoryData<int, int, int, int, int> Clusters
    {
        get
        {
            var grid = new TheoryData<int, int, int, int, int>();
            for (var code = 0; code < 5 * 4 * 4 * 4 * 3; code++)
            {
                grid.Add(1 + (code % 5), code / 5 % 4, code / 20 % 4, code / 80 % 4, code / 320);
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(Clusters))]
    public void As_many_workers_run_as_there_are_slots_before_and_after_a_node_is_lost_and_back(int workers, int a, int b, int c, int lost)
    {
        var state = RunState.Create(RunScript.Spec(workers), resumedFrom: null, RunScript.Start);
        var running = new Dictionary<string, (string Node, int Start)>(StringComparer.Ordinal);
        var before = running;
        int[] slots = [a, b, c];
        for (var node = 0; node < 3; node++)
        {
            Send(new RunMessage.NodeJoined(new Node($"node-{node}", "first", slots[node])));
            AssertFull(Enumerable.Range(0, node + 1));
        }

        before = running.ToDictionary();
        Send(new RunMessage.NodeJoined(new Node("node-0", "first", a)));
        Assert.Equal(before, running);

        Send(new RunMessage.NodeLost($"node-{lost}"));
        AssertFull(Enumerable.Range(0, 3).Where(node => node != lost));
        AssertKept();
        Send(new RunMessage.NodeLost($"node-{lost}"));
        AssertKept();

        Send(new RunMessage.NodeJoined(new Node($"node-{lost}", "first", slots[lost])));
        AssertFull(Enumerable.Range(0, 3));
        AssertKept();

        void Send(RunMessage message)
        {
            var result = RunMachine.Handle(state, message, RunScript.Start);
            state = result.State;
            if (message is RunMessage.NodeLost { NodeId: var gone })
            {
                foreach (var worker in running.Where(entry => entry.Value.Node == gone).Select(entry => entry.Key).ToList())
                {
                    running.Remove(worker);
                }
            }

            foreach (var start in result.Effects.OfType<RunEffect.StartWorker>())
            {
                Assert.True(
                    !before.TryGetValue(start.WorkerId, out var earlier) || start.Start > earlier.Start,
                    "A start has the number of an earlier one."
                );
                running.Add(start.WorkerId, (start.NodeId, start.Start));
            }
        }

        void AssertFull(IEnumerable<int> nodes)
        {
            Assert.Equal(Math.Min(workers, nodes.Sum(node => slots[node])), running.Count);
            Assert.All(nodes, node => Assert.InRange(running.Values.Count(place => place.Node == $"node-{node}"), 0, slots[node]));
            Assert.All(
                running,
                entry => Assert.Equal((entry.Value.Node, entry.Value.Start), (state.Find(entry.Key)!.NodeId, state.Find(entry.Key)!.Start))
            );
            Assert.Equal(workers, state.Members.Count);
        }

        // Workers of the other nodes stay where they are.
        void AssertKept() =>
            Assert.All(before.Where(entry => entry.Value.Node != $"node-{lost}"), entry => Assert.Equal(entry.Value, running[entry.Key]));
    }

    [Fact]
    public void Ids_stay_together_on_the_nodes_that_come_first()
    {
        var run = new RunScript(6, managed: 6, nodes: [new Node("a", "1", 4), new Node("b", "1", 4)]);
        Assert.Equal(["a", "a", "a", "a", "b", "b"], Enumerable.Range(0, 6).Select(slot => run.Member(slot).NodeId));
    }

    [Fact]
    public void A_run_goes_on_without_the_workers_of_a_lost_node_and_takes_them_in_again()
    {
        var run = new RunScript(4, min: 2, nodes: [new Node("a", "1", 2), new Node("b", "1", 2)]).Form();
        run.Send(new RunMessage.NodeLost("b"));
        Assert.Equal((RunPhase.Forming, 2), (run.State.Phase, run.State.Generation));
        Assert.Equal(["rank 2 (worker-2 on b) was lost with node b", "rank 3 (worker-3 on b) was lost with node b"], run.Warnings);
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.KillWorker or RunEffect.StartWorker);
        run.Join(0, 5, 1, "reset");
        run.Join(1, 5, 1, "reset");
        Assert.Equal(2, run.AssignmentOf(0).WorldSize);

        run.Send(new RunMessage.NodeJoined(new Node("c", "1", 8)));
        Assert.Equal(["worker-2", "worker-3"], run.Effects.OfType<RunEffect.StartWorker>().Select(start => start.WorkerId));
        run.Join(2);
        Assert.Equal(Directive.Regroup, run.DirectiveOf(0, 6));
    }

    [Fact]
    public void A_node_that_comes_back_as_another_process_has_lost_its_workers()
    {
        var run = new RunScript(2, nodes: [new Node("a", "1", 2)]).Form();
        run.Send(new RunMessage.NodeJoined(new Node("a", "2", 2)));
        Assert.Equal(RunPhase.Forming, run.State.Phase);
        Assert.Equal(2, run.Effects.OfType<RunEffect.StartWorker>().Count());
        run.Written(0, 5);
        Assert.IsType<RunReply.Held>(run.Join(0));
        Assert.IsType<RunReply.Assigned>(run.Join(1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Processes_of_a_node_that_was_only_cut_off_are_sent_away(bool again)
    {
        var run = new RunScript(1, nodes: [new Node("a", "1", 1)]).Form();
        var old = run.Request(0) with { HeldStep = 5, LeftGeneration = 1, Reason = "reset" };
        run.Send(new RunMessage.NodeLost("a"));
        if (again)
        {
            run.Send(new RunMessage.NodeJoined(new Node("b", "1", 1)));
            run.Join(0);
            Assert.Equal(RunPhase.Running, run.State.Phase);
        }

        Assert.Equal(RefusalKind.NameTaken, Assert.IsType<RunReply.Refused>(run.Send(new RunMessage.Join(old))).Kind);
        Assert.IsType<RunReply.Accepted>(run.Send(new RunMessage.Checkpointed(new CheckpointWritten("worker-0", old.Incarnation, 9, "d"))));
        Assert.Null(run.State.LastCheckpoint);
        var answer = Assert.IsType<RunReply.HeartbeatReply>(run.Send(new Heartbeat("worker-0", old.Incarnation, 1, 9, [], [])));
        Assert.Equal(again ? Directive.Abort : Directive.Rejoin, answer.Answer.Directive);
        run.Send(new RunMessage.WorkerExited("worker-0", 137, []) { Start = old.Start });
        Assert.Equal(again ? RunPhase.Running : RunPhase.Forming, run.State.Phase);
        Assert.Null(run.Member(0).ExitCode);
    }

    [Fact]
    public void A_held_call_of_a_worker_that_is_lost_with_its_node_is_answered()
    {
        var run = new RunScript(2, nodes: [new Node("a", "1", 1), new Node("b", "1", 1)]);
        run.Join(0);
        run.Send(new RunMessage.NodeLost("a"));
        Assert.Equal("worker-0 was lost with node a.", Assert.IsType<RunReply.Refused>(run.AnswerTo(0)).Reason);
        Assert.Null(run.Outcome);
    }

    [Fact]
    public void A_worker_that_fails_on_a_node_before_it_has_a_rank_tries_another()
    {
        var run = new RunScript(2, min: 1, nodes: [new Node("a", "1", 1), new Node("b", "1", 3)]).Form();
        Assert.Equal("a", run.Member(0).NodeId);
        run.Exit(0, 137);
        Assert.Equal("b", run.Member(0).NodeId);
        run.Exit(0, 1, "no such device");
        Assert.Equal("a", run.Member(0).NodeId);
    }

    [Fact]
    public void A_node_loss_is_no_fruitless_start_of_its_workers()
    {
        var run = new RunScript(2, min: 1, nodes: [new Node("a", "1", 1), new Node("b", "1", 1)]).Form();
        run.Exit(1, 137);
        for (var i = 0; i < 5; i++)
        {
            run.Send(new RunMessage.NodeLost("b"));
            run.Send(new RunMessage.NodeJoined(new Node("b", $"{i}", 1)));
        }

        Assert.Equal((0, RunPhase.Forming), (run.Member(1).FruitlessStarts, run.State.Phase));
    }

    [Fact]
    public void A_run_without_room_says_what_it_waits_for()
    {
        var run = new RunScript(3, nodes: [new Node("a", "1", 1)], timeouts: new RunTimeouts { Forming = TimeSpan.FromSeconds(10) });
        run.Join(0);
        run.Wait(10, 0);
        Assert.Equal("waits for workers: 1 of at least 3 have joined, 2 wait for a node with a free slot", Assert.Single(run.Warnings));
    }

    [Fact]
    public void At_the_end_every_process_of_a_node_is_dismissed_and_nothing_is_started_any_more()
    {
        var run = new RunScript(2, nodes: [new Node("a", "1", 2)]).Form();
        run.Report(0, WorkerOutcome.Completed, 3);
        run.Report(1, WorkerOutcome.Completed, 3);
        Assert.Equal(["worker-0", "worker-1"], run.Effects.OfType<RunEffect.DismissWorker>().Select(dismiss => dismiss.WorkerId));
        run.Forget();
        run.Send(new RunMessage.NodeLost("a"));
        run.Send(new RunMessage.NodeJoined(new Node("b", "1", 2)));
        run.Exit(0, 0);
        Assert.DoesNotContain(run.Effects, effect => effect is RunEffect.StartWorker or RunEffect.PublishWarning);
    }
}
