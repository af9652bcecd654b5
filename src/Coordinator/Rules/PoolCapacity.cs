using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>What the nodes of a pool could hold if nothing else ran, computed once for each size of a request.</summary>
internal sealed class PoolCapacity(PoolState state)
{
    private readonly Dictionary<(int Devices, int DevicesPerWorker), bool> _holds = [];

    public bool Holds(LeaseRequest request)
    {
        var size = (request.Devices, request.DevicesPerWorker);
        if (!_holds.TryGetValue(size, out var holds))
        {
            _holds[size] = holds = state.HasRoom(request.Devices, request.DevicesPerWorker);
        }

        return holds;
    }
}
