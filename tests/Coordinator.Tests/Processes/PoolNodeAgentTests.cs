using System.Reflection;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class PoolNodeAgentTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly ManualTimeProvider _time = new();
    private readonly List<string> _told = [];
    private readonly Node _node = new();

    [Fact]
    public async Task A_pool_that_does_not_answer_is_told_once_with_the_reason_and_so_is_its_return()
    {
        using var leave = new CancellationTokenSource();
        var serving = StartAsync(leave.Token);
        await PassAsync(TimeSpan.FromSeconds(9));
        Assert.Equal("a has joined the pool with 1 device", Assert.Single(_told));

        await PassAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(2, _told.Count);
        Assert.Contains("the pool does not answer; trials go on, and the node leaves after 600 s", _told[1], StringComparison.Ordinal);
        Assert.EndsWith(": nobody is there", _told[1], StringComparison.Ordinal);

        _node.IsAbsent = false;
        _time.Advance(Pause);
        await _node.Answered;
        Assert.Equal("the pool answers again", _told[^1]);
        Assert.Equal(3, _told.Count);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
    }

    private Task StartAsync(CancellationToken leave)
    {
        var grains = DispatchProxy.Create<IGrainFactory, OneGrain>();
        ((OneGrain)grains).Grain = _node;
        var offer = new NodeOffer("a", "host", 1, ["cpu:0"]);
        return new PoolNodeAgent(
            grains,
            new PoolNodeOptions("pool", offer, TimeSpan.FromMinutes(10), _told.Add),
            new NoTrials(),
            _time
        ).RunAsync(leave);
    }

    /// <summary>Lets time pass during which the node calls in vain.</summary>
    private async Task PassAsync(TimeSpan duration)
    {
        for (var passed = TimeSpan.Zero; passed < duration; passed += Pause)
        {
            await _time.WhenTimerRunsAsync(Pause);
            _time.Advance(Pause);
        }

        await _time.WhenTimerRunsAsync(Pause);
    }

    public class OneGrain : DispatchProxy
    {
        internal object Grain { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Grain;
    }

    /// <summary>Answers the first call, then none while it is absent, and holds the calls after the next answer.</summary>
    private sealed class Node : IPoolNodeGrain
    {
        private static readonly TrialOrders s_none = new(1, IsSuperseded: false, []);
        private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _calls,
            _returns;

        public bool IsAbsent { get; set; } = true;

        /// <summary>Completes with the first call after the return.</summary>
        public Task Answered => _answered.Task;

        public Task<TrialOrders> ExchangeAsync(TrialReport report)
        {
            if (++_calls == 1)
            {
                return Task.FromResult(s_none);
            }

            if (IsAbsent)
            {
                throw new TimeoutException("nobody is there");
            }

            if (++_returns == 1)
            {
                return Task.FromResult(s_none);
            }

            _answered.TrySetResult();
            return new TaskCompletionSource<TrialOrders>().Task;
        }

        public Task LeaveAsync(string pool, long incarnation) => Task.CompletedTask;

        public Task<bool> EndedAsync(Lease lease, TrialEnd end) => throw new NotSupportedException();

        public Task AssignAsync(TrialStart start) => throw new NotSupportedException();

        public Task<TrialEnd?> StopAsync(Lease lease) => throw new NotSupportedException();
    }

    private sealed class NoTrials : ITrialHost
    {
        public Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop) => throw new NotSupportedException();
    }
}
