using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class NodeTrialsTests
{
    private PoolNodeState _state = NodeTrials.Meet(new PoolNodeState(), 1);

    [Fact]
    public void A_repeated_start_changes_nothing()
    {
        Assign(Start(1, "cpu:0"));
        var before = _state;

        Assign(Start(1, "cpu:0"));

        Assert.Same(before, _state);
        Assert.Equal([1], Wanted);
    }

    [Fact]
    public void A_start_that_arrives_after_its_stop_or_after_a_later_lease_does_not_run()
    {
        _state = NodeTrials.Stop(_state, Start(1, "cpu:0").Lease);
        Assign(Start(1, "cpu:0"));
        Assert.Empty(Wanted);
        Assert.Equal(TrialEndKind.Stopped, Found(1).End!.Kind);

        Assign(Start(3, "cpu:1"));
        Assign(Start(2, "cpu:0", "cpu:1"));
        Assert.Equal([3], Wanted);
    }

    [Fact]
    public void A_later_lease_takes_the_devices_of_an_earlier_one_and_leaves_the_others_alone()
    {
        Assign(Start(1, "cpu:0"));
        Assign(Start(2, "cpu:1"));

        Assign(Start(3, "cpu:1"));

        Assert.Equal([1, 3], Wanted);
    }

    [Fact]
    public void A_trial_that_ended_before_it_was_stopped_keeps_its_end()
    {
        var start = Start(1, "cpu:0");
        Assign(start);
        _state = NodeTrials.End(_state, start.Lease, new TrialEnd(start.Attempt, TrialEndKind.Completed));

        _state = NodeTrials.Stop(_state, start.Lease);
        _state = NodeTrials.Meet(_state, 2);

        Assert.Equal(TrialEndKind.Completed, Found(1).End!.Kind);
        Assert.Empty(Wanted);
    }

    [Fact]
    public void The_trials_of_a_node_s_earlier_process_have_ended_with_it()
    {
        Assign(Start(1, "cpu:0"));

        _state = NodeTrials.Meet(_state, 2);

        Assert.Empty(Wanted);
        Assert.Equal(TrialEndKind.Stopped, Found(1).End!.Kind);
        Assert.Same(_state, NodeTrials.Meet(_state, 1));
    }

    [Fact]
    public void Leases_of_two_pools_may_have_the_same_number()
    {
        var (core, gpu) = (Start(1, "cpu:0"), Start(1, "cuda:0"));
        gpu = gpu with { Attempt = new RunAttempt("f/1", 1) };
        gpu = gpu with { Lease = gpu.Lease with { Request = gpu.Lease.Request with { Attempt = gpu.Attempt } } };
        Assign(core);
        _state = NodeTrials.End(_state, core.Lease, new TrialEnd(core.Attempt, TrialEndKind.Completed));
        _state = NodeTrials.Meet(_state, 2);
        Assign(gpu);
        Assert.Equal([1], Wanted);

        _state = NodeTrials.End(_state, gpu.Lease, new TrialEnd(gpu.Attempt, TrialEndKind.Failed));

        Assert.Equal(TrialEndKind.Failed, NodeTrials.Find(_state, gpu.Lease)!.End!.Kind);
        Assert.Equal(TrialEndKind.Completed, NodeTrials.Find(_state, core.Lease)!.End!.Kind);
    }

    private NodeTrial Found(long lease) => _state.Trials.Single(trial => trial.Lease.Number == lease);

    private IEnumerable<long> Wanted => NodeTrials.Wanted(_state).Select(start => start.Lease.Number);

    private void Assign(TrialStart start) => _state = NodeTrials.Assign(_state, start);

    private static TrialStart Start(long lease, params string[] devices)
    {
        var attempt = new RunAttempt($"e/{lease}", 1);
        return new TrialStart(
            attempt,
            "e",
            new TrialSpec($"{lease}", "run.yaml", devices.Length),
            new Lease(lease, new LeaseRequest(attempt, "e", devices.Length), [.. devices.Select(device => new PoolDevice("a", device))])
        );
    }
}
