using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The answers to requests in one state of a pool, which it looks through once.</summary>
public sealed class PoolAnswers
{
    private readonly PoolState _state;
    private readonly PoolCapacity _capacity;
    private readonly Dictionary<RunAttempt, Lease> _leases;
    private readonly Dictionary<RunAttempt, int> _ahead = [];
    private readonly LeaseRequest? _first;
    private readonly int _devices;
    private readonly int _free;

    public PoolAnswers(PoolState state)
    {
        (_state, _capacity) = (state, new PoolCapacity(state));
        _leases = state.Leases.ToDictionary(lease => lease.Attempt);
        (_devices, _free) = (state.CountDevices(), state.FreeDevices().Sum(node => node.Count));
        var ahead = 0;
        foreach (var queued in state.Queue)
        {
            _ahead[queued.Attempt] = ahead;
            if (_capacity.Holds(queued.Request))
            {
                _first ??= queued.Request;
                ahead++;
            }
        }
    }

    /// <summary>The lease of a request, or why it waits.</summary>
    public LeaseAnswer To(LeaseRequest request)
    {
        var lease = _leases.GetValueOrDefault(request.Attempt);
        return new LeaseAnswer(request.Attempt, lease, lease is null ? ReasonToWait(request) : null);
    }

    private string ReasonToWait(LeaseRequest request)
    {
        if (!_ahead.TryGetValue(request.Attempt, out var ahead))
        {
            return "has been superseded by a later attempt";
        }

        var waits = $"waits for {Count(request)}; ";
        return !_capacity.Holds(request) ? $"{waits}the nodes present cannot hold it: {WhyNot(request)}"
            : ahead == 0 ? $"{waits}{_free} of {_devices} are free"
            : $"{waits}{_free} of {_devices} are free; {ahead} ahead of it, first {_first!.Attempt.Run}, which waits for {Count(_first)}";
    }

    private string WhyNot(LeaseRequest request) =>
        request.Devices > _state.MostDevices
            ? $"the pool has never had more than {_state.MostDevices}; add nodes, or cancel it and ask for fewer"
        : request.Devices > _devices ? $"the pool currently has {_devices}"
        : $"each worker needs {request.DevicesPerWorker} of one node, and the largest has {_state.LargestNode}";

    private string Count(LeaseRequest request) =>
        request.Devices == 1 ? "1 device"
        : _state.Nodes.Count > 1 && _state.LargestNode >= request.Devices ? $"{request.Devices} devices of one node"
        : $"{request.Devices} devices";
}
