using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The keys and values of one generation.</summary>
internal sealed class RendezvousStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TaskCompletionSource> _arrivals = new(StringComparer.Ordinal);
    private bool _isOpen;

    /// <summary>Opens the store. Opening it twice keeps its keys.</summary>
    public void Open()
    {
        lock (_lock)
        {
            _isOpen = true;
        }
    }

    /// <summary>Closes the store and refuses waiting calls.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isOpen = false;
            _values.Clear();

            // Waiting calls look again and find the store closed.
            foreach (var arrival in _arrivals.Values)
            {
                arrival.SetResult();
            }

            _arrivals.Clear();
        }
    }

    /// <summary>Carries out an operation. A Get completes when the key exists.</summary>
    /// <exception cref="CoordinatorRefusedException">The store is not open, or closes meanwhile.</exception>
    public async Task<StoreAnswer> AskAsync(StoreRequest request)
    {
        while (true)
        {
            Task arrival;
            lock (_lock)
            {
                if (!_isOpen)
                {
                    throw new CoordinatorRefusedException(
                        $"Generation {request.Generation} is over, or the keys of its ranks were lost with the coordinator that held "
                            + "them: join again."
                    );
                }

                if (Answer(request) is { } answer)
                {
                    return answer;
                }

                arrival = Arrival(request.Key);
            }

            await arrival;
        }
    }

    /// <summary>Null if the key that Get asks for is missing.</summary>
    private StoreAnswer? Answer(StoreRequest request) =>
        request.Op == StoreOp.Set ? Set(request.Key, request.Value ?? [])
        : _values.TryGetValue(request.Key, out var value) ? new StoreAnswer(value)
        : null;

    private StoreAnswer Set(string key, byte[] value)
    {
        _values[key] = value;
        if (_arrivals.Remove(key, out var arrival))
        {
            arrival.SetResult();
        }

        return new StoreAnswer(null);
    }

    private Task Arrival(string key)
    {
        if (!_arrivals.TryGetValue(key, out var arrival))
        {
            arrival = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _arrivals.Add(key, arrival);
        }

        return arrival.Task;
    }
}
