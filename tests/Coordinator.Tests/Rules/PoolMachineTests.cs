using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class PoolMachineTests
{
    private readonly PoolScript _pool = new();

    [Fact]
    public void A_lease_lies_on_as_few_nodes_as_any_choice_could()
    {
        foreach (var counts in Grid(nodes: 4, most: 4))
        {
            var free = Free(counts);
            for (var wanted = 1; wanted <= 17; wanted++)
            {
                var placed = PoolQueue.Allocate(free, wanted);

                if (placed is null)
                {
                    Assert.True(counts.Sum() < wanted);
                    continue;
                }

                Assert.Equal(wanted, placed.Distinct().Count());
                Assert.Subset(free.SelectMany(node => node).ToHashSet(), placed.ToHashSet());
                Assert.Equal(FewestNodes(counts, wanted), placed.Select(device => device.Node).Distinct(StringComparer.Ordinal).Count());
            }
        }
    }

    [Fact]
    public void A_small_lease_fills_a_gap_and_leaves_the_large_one()
    {
        _pool.Send(PoolScript.Offer("large", 8));
        _pool.Send(PoolScript.Offer("small", 2));

        Assert.All(_pool.Acquire("e/1", 2).Lease!.Devices, device => Assert.Equal("small", device.Node));
        Assert.All(_pool.Acquire("e/2", 8).Lease!.Devices, device => Assert.Equal("large", device.Node));
    }

    [Fact]
    public void A_large_request_at_the_head_is_not_overtaken()
    {
        _pool.Send(PoolScript.Offer("a", 4));
        _pool.Acquire("e/1", 2);
        Assert.Equal("waits for 4 devices; 2 of 4 are free", _pool.Acquire("e/large", 4).Waiting);
        Assert.Equal(
            "waits for 1 device; 2 of 4 are free; 1 ahead of it, first e/large, which waits for 4 devices",
            _pool.Acquire("f/small", 1).Waiting
        );

        Assert.Equal("e/large", Assert.Single(_pool.Release("e/1").Told).Attempt.Run);
        Assert.Equal("f/small", Assert.Single(_pool.Release("e/large").Told).Attempt.Run);
    }

    [Fact]
    public void A_request_that_fits_on_one_node_waits_for_it_though_the_pool_has_enough()
    {
        var pool = new PoolScript();
        pool.Send(PoolScript.Offer("a", 2));
        pool.Send(PoolScript.Offer("b", 2));
        pool.Acquire("x/1", 1);
        pool.Acquire("x/2", 1);
        pool.Acquire("x/3", 1);
        pool.Release("x/2");

        Assert.Equal("waits for 2 devices of one node; 2 of 4 are free", pool.Acquire("e/1", 2).Waiting);
        pool.Release("x/1");
        Assert.Equal(["a", "a"], pool.Acquire("e/1", 2).Lease!.Devices.Select(device => device.Node));
    }

    [Fact]
    public void A_request_that_no_node_is_large_enough_for_spans_nodes_with_each_worker_on_one()
    {
        _pool.Send(PoolScript.Offer("a", 3));
        _pool.Send(PoolScript.Offer("b", 3));
        var fits = PoolScript.Request("e/1", 4) with { DevicesPerWorker = 2 };
        var never = PoolScript.Request("e/2", 6) with { DevicesPerWorker = 2 };
        _pool.Send(new PoolMessage.Acquire([fits, never]));

        var lease = new PoolAnswers(_pool.State).To(fits).Lease!;
        Assert.Equal("a, cuda:0, cuda:1; b, cuda:0, cuda:1", lease.Describe());
        Assert.Equal(["a", "b"], lease.Nodes);
        Assert.Equal(
            "waits for 6 devices; the nodes present cannot hold it: each worker needs 2 of one node, and the largest has 3",
            new PoolAnswers(_pool.State).To(never).Waiting
        );

        _pool.Send(PoolScript.Offer("c", 2));
        Assert.Equal("a, cuda:0, cuda:1; b, cuda:0, cuda:1; c, cuda:0, cuda:1", Assert.Single(_pool.Release("e/1").Told).Describe());
    }

    [Fact]
    public void A_lease_gives_each_worker_devices_of_one_node_whenever_there_is_room()
    {
        foreach (var counts in Grid(nodes: 3, most: 5))
        {
            var free = Free(counts);
            for (var workers = 1; workers <= 6; workers++)
            {
                var placed = PoolQueue.Allocate(free, workers * 2, together: 2);

                Assert.Equal(counts.Sum(count => count / 2) >= workers, placed is not null);
                Assert.All(placed?.GroupBy(device => device.Node) ?? [], node => Assert.Equal(0, node.Count() % 2));
                Assert.Equal(placed is null ? 0 : workers * 2, placed?.Distinct().Count() ?? 0);
            }
        }
    }

    [Fact]
    public void Experiments_take_turns_and_are_first_come_first_served_inside()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Send(new PoolMessage.Acquire([.. Enumerable.Range(0, 5).Select(trial => PoolScript.Request($"e/{trial}", 1))]));
        _pool.Send(new PoolMessage.Acquire([.. Enumerable.Range(0, 3).Select(trial => PoolScript.Request($"f/{trial}", 1))]));
        _pool.Acquire("g/0", 1);

        Assert.Equal(["e/0", "e/1", "f/0", "g/0", "e/2", "f/1", "e/3", "f/2", "e/4"], ServeAll());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_experiment_that_asks_one_by_one_gets_no_more_than_its_turn(bool isFirstTooLarge)
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Acquire("first/0", isFirstTooLarge ? 2 : 1);
        _pool.Send(new PoolMessage.Acquire([.. Enumerable.Range(0, 6).Select(trial => PoolScript.Request($"e/{trial}", 1))]));
        if (!isFirstTooLarge)
        {
            _pool.Release("first/0");
        }

        var served = new List<string>();
        for (var trial = 0; trial < 6; trial++)
        {
            _pool.Acquire($"f/{trial}", 1);
            var holder = Assert.Single(_pool.Holders);
            served.Add(holder);
            _pool.Release(holder);
        }

        Assert.Equal(3, served.Count(run => run.StartsWith('f')) + (served[^1].StartsWith('f') ? 0 : 1));
    }

    [Fact]
    public void A_run_that_comes_back_joins_the_round_that_is_being_served()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Acquire("e/0", 1);
        foreach (var run in new[] { "e/1", "f/1", "e/2", "f/2" })
        {
            _pool.Acquire(run, 1);
        }

        _pool.Acquire("e/0", 1, attempt: 2);

        Assert.Equal(["e/1", "f/1", "e/0", "e/2", "f/2"], ServeAll());
    }

    [Fact]
    public void A_request_for_more_than_the_pool_ever_had_says_so_and_is_met_when_nodes_come()
    {
        _pool.Send(PoolScript.Offer("a", 4));
        Assert.Equal(
            "waits for 6 devices; the nodes present cannot hold it: the pool has never had more than 4; add nodes, or cancel it and ask "
                + "for fewer",
            _pool.Acquire("e/1", 6).Waiting
        );

        Assert.Equal(6, Assert.Single(_pool.Send(PoolScript.Offer("b", 4)).Told).Devices.Count);

        _pool.Send(new PoolMessage.Withdraw("b", 1));
        Assert.Equal("waits for 8 devices; the nodes present cannot hold it: the pool currently has 4", _pool.Acquire("e/2", 8).Waiting);
    }

    [Fact]
    public void A_request_that_the_nodes_cannot_meet_lets_others_pass_and_is_first_when_a_node_comes()
    {
        _pool.Send(PoolScript.Offer("small", 2));
        _pool.Send(PoolScript.Offer("large", 4));
        _pool.Send(new PoolMessage.Acquire([Whole("e/large", attempt: 1)]));
        _pool.Acquire("f/0", 2);
        _pool.Acquire("f/1", 1);
        _pool.Acquire("f/2", 2);
        _pool.Send(new PoolMessage.Withdraw("large", 1));
        _pool.Send(new PoolMessage.Acquire([Whole("e/large", attempt: 2)]));

        Assert.Equal(
            "waits for 4 devices; the nodes present cannot hold it: the pool currently has 2",
            new PoolAnswers(_pool.State).To(Whole("e/large", attempt: 2)).Waiting
        );
        Assert.Equal("waits for 1 device; 0 of 2 are free", _pool.Acquire("f/1", 1).Waiting);
        Assert.Equal("f/1", Assert.Single(_pool.Release("f/0").Told).Attempt.Run);
        Assert.Equal("e/large", _pool.State.Queue[0].Attempt.Run);

        // f/2 waits for the second device, and nothing that the nodes can hold overtakes it.
        _pool.Acquire("f/3", 1);
        Assert.Equal(["f/1"], _pool.Holders);
        Assert.Equal("f/2", Assert.Single(_pool.Release("f/1").Told).Attempt.Run);

        // The next large node is for the large request, although smaller ones wait.
        Assert.Equal("e/large", Assert.Single(_pool.Send(PoolScript.Offer("large", 4, incarnation: 2)).Told).Attempt.Run);
        Assert.Equal(["f/2", "e/large"], _pool.Holders);

        LeaseRequest Whole(string run, int attempt) => PoolScript.Request(run, 4, attempt) with { DevicesPerWorker = 4 };
    }

    [Fact]
    public void Requests_that_are_known_change_nothing_however_many_they_are()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        var requests = Enumerable.Range(0, 20_000).Select(trial => PoolScript.Request($"e/{trial}", 1)).ToArray();
        var first = PoolMachine.Handle(_pool.State, new PoolMessage.Acquire(requests), _pool.Now);
        Assert.Equal(["e/0", "e/1"], first.Told.Select(lease => lease.Attempt.Run));
        Assert.Equal(requests.Skip(2), first.State.Queue.Select(queued => queued.Request));

        var again = PoolMachine.Handle(first.State, new PoolMessage.Acquire(requests), _pool.Now);

        Assert.Same(first.State, again.State);
        Assert.False(again.MustPersist);
        Assert.Empty(again.Told);
        var answers = requests.Select(new PoolAnswers(again.State).To).ToArray();
        Assert.Equal(first.State.Leases, answers.Take(2).Select(answer => answer.Lease));
        Assert.Equal("waits for 1 device; 0 of 2 are free", answers[2].Waiting);
        Assert.Equal("waits for 1 device; 0 of 2 are free; 19997 ahead of it, first e/2, which waits for 1 device", answers[^1].Waiting);
    }

    [Fact]
    public void Asking_again_gives_the_same_lease_and_a_stale_question_nothing()
    {
        _pool.Send(PoolScript.Offer("a", 4));
        var lease = _pool.Acquire("e/1", 2).Lease!;

        Assert.Same(lease, _pool.Acquire("e/1", 2).Lease);
        Assert.False(_pool.Send(new PoolMessage.Acquire([PoolScript.Request("e/1", 2)])).MustPersist);

        var next = _pool.Acquire("e/1", 3, attempt: 2).Lease!;
        Assert.True(next.Number > lease.Number);
        Assert.Equal("has been superseded by a later attempt", _pool.Acquire("e/1", 2).Waiting);
        Assert.Same(next, Assert.Single(_pool.State.Leases));
    }

    [Fact]
    public void Releasing_twice_or_what_one_has_not_is_harmless()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Acquire("e/1", 1);
        _pool.Acquire("e/2", 1, attempt: 2);
        _pool.Release("e/1");

        Assert.False(_pool.Release("e/1").MustPersist);
        Assert.False(_pool.Release("e/2", attempt: 1).MustPersist);
        Assert.False(_pool.Release("nobody/1", attempt: 9).MustPersist);
        Assert.Equal(["e/2"], _pool.Holders);
    }

    [Fact]
    public void A_request_that_is_withdrawn_makes_way_for_those_behind_it()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Acquire("e/0", 1);
        _pool.Acquire("e/large", 2);
        _pool.Acquire("e/small", 1);

        Assert.Equal("e/small", Assert.Single(_pool.Release("e/large").Told).Attempt.Run);
    }

    [Fact]
    public void A_lost_device_voids_its_lease_whose_other_devices_are_free_once_the_run_is_stopped()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Send(PoolScript.Offer("b", 2));
        _pool.Acquire("e/1", 4);
        _pool.Acquire("e/2", 2);

        var told = Assert.Single(_pool.Send(new PoolMessage.Withdraw("b", 1)).Told);
        Assert.Equal("lost b/cuda:0, b/cuda:1", told.Revoked);
        Assert.Equal(["a/cuda:0", "a/cuda:1"], told.Devices.Select(device => device.ToString()));
        Assert.Empty(_pool.Holders);

        Assert.Equal("e/2", Assert.Single(_pool.Release("e/1").Told).Attempt.Run);
    }

    [Fact]
    public void A_device_that_a_node_offers_no_more_is_lost()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Acquire("e/0", 1);
        _pool.Acquire("e/1", 1);

        Assert.Equal("lost a/cuda:1", Assert.Single(_pool.Send(PoolScript.Offer("a", 1)).Told).Revoked);
        Assert.Equal(["e/0"], _pool.Holders);
    }

    [Fact]
    public void A_node_that_was_started_again_has_none_of_its_old_leases()
    {
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Acquire("e/1", 2);

        Assert.NotNull(Assert.Single(_pool.Send(PoolScript.Offer("a", 2, 2)).Told).Revoked);
        Assert.NotNull(_pool.Acquire("e/2", 2).Lease);

        // Word of the old incarnation comes late.
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Send(new PoolMessage.Withdraw("a", 1));
        Assert.Equal(["e/2"], _pool.Holders);
    }

    [Fact]
    public void A_late_offer_does_not_bring_a_node_back_that_has_left()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Send(new PoolMessage.Withdraw("a", 1));

        _pool.Send(PoolScript.Offer("a", 1));
        Assert.Null(_pool.Acquire("e/1", 1).Lease);

        // Its next process is another matter.
        _pool.Send(PoolScript.Offer("a", 1, 2));
        Assert.Equal(["e/1"], _pool.Holders);
    }

    [Fact]
    public void A_node_that_is_silent_is_lost_and_one_that_repeats_its_offer_is_not()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Send(PoolScript.Offer("b", 1));
        _pool.Acquire("e/a", 1);
        _pool.Acquire("e/b", 1);
        for (var seconds = 5; seconds < 30; seconds += 5)
        {
            _pool.Wait(5, PoolScript.Offer("b", 1));
        }

        Assert.Equal(["e/a", "e/b"], _pool.Holders);
        _pool.Wait(5);
        Assert.Equal(["e/b"], _pool.Holders);
    }

    [Fact]
    public void Time_in_which_the_pool_itself_was_away_counts_against_no_node()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Acquire("e/1", 1);

        _pool.Wait(3600);
        _pool.Wait(10);

        Assert.Equal(["e/1"], _pool.Holders);
    }

    [Fact]
    public void A_tick_tells_of_every_lease_again()
    {
        _pool.Send(PoolScript.Offer("a", 1));
        _pool.Acquire("e/1", 1);

        Assert.Equal(_pool.State.Leases, _pool.Wait(5).Told);
    }

    [Fact]
    public void Nonsense_is_refused_by_name()
    {
        var twice = new PoolMessage.Offer(new NodeOffer("a", "host", 1, ["cuda:0", "cuda:0"]));

        Assert.StartsWith(
            "Node a offers the devices [cuda:0, cuda:0]: each needs a unique name.",
            Assert.Throws<ArgumentException>(() => _pool.Send(twice)).Message
        );
        Assert.StartsWith(
            "Run e/1 asks for 0 devices: it needs at least one.",
            Assert.Throws<ArgumentException>(() => _pool.Acquire("e/1", 0)).Message
        );
    }

    [Fact]
    public void Every_short_script_leaves_the_pool_whole()
    {
        PoolMessage[] alphabet =
        [
            PoolScript.Offer("a", 2),
            PoolScript.Offer("a", 1, 2),
            PoolScript.Offer("b", 1),
            new PoolMessage.Withdraw("a", 1),
            new PoolMessage.Acquire([PoolScript.Request("e/1", 1)]),
            new PoolMessage.Acquire([PoolScript.Request("e/2", 2)]),
            new PoolMessage.Acquire([PoolScript.Request("e/2", 2, attempt: 2)]),
            new PoolMessage.Acquire([PoolScript.Request("f/1", 1)]),
            new PoolMessage.Release([new RunAttempt("e/1", 1)]),
            new PoolMessage.Release([new RunAttempt("e/2", 1)]),
        ];
        Explore(_pool, messages: 4);
        _pool.Send(PoolScript.Offer("a", 2));
        _pool.Send(PoolScript.Offer("b", 1));
        Explore(_pool, messages: 4);
        _pool.Acquire("e/2", 2);
        _pool.Acquire("g/1", 2);
        Explore(_pool, messages: 4);

        void Explore(PoolScript pool, int messages)
        {
            foreach (var message in messages > 0 ? alphabet : [])
            {
                var next = pool.Fork();
                next.Send(message);
                Explore(next, messages - 1);
            }
        }
    }

    /// <summary>Releases the only device until nobody wants it.</summary>
    private List<string> ServeAll()
    {
        var served = new List<string>();
        while (_pool.Holders.SingleOrDefault() is { } run)
        {
            served.Add(run);
            _pool.Release(run, attempt: 2);
        }

        return served;
    }

    private static IReadOnlyList<IReadOnlyList<PoolDevice>> Free(int[] counts) =>
        [
            .. counts
                .Select((count, node) => Enumerable.Range(0, count).Select(index => new PoolDevice($"n{node}", $"cuda:{index}")).ToArray())
                .Where(node => node.Length > 0),
        ];

    private static IEnumerable<int[]> Grid(int nodes, int most) =>
        nodes == 0
            ?
            [
                [],
            ]
            : Grid(nodes - 1, most).SelectMany(_ => Enumerable.Range(0, most + 1), (head, last) => (int[])[.. head, last]);

    private static int FewestNodes(int[] counts, int wanted) =>
        Enumerable
            .Range(0, 1 << counts.Length)
            .Where(choice => counts.Where((_, node) => (choice >> node & 1) == 1).Sum() >= wanted)
            .Min(choice => System.Numerics.BitOperations.PopCount((uint)choice));
}
