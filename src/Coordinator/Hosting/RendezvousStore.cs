using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// The keys through which the ranks of one generation meet, as torch's stores have them. They live in memory alone: a
/// generation that was formed before this coordinator started has lost them, and whoever is still meeting must join again.
/// </summary>
internal sealed class RendezvousStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TaskCompletionSource> _arrivals = new(StringComparer.Ordinal);
    private int? _generation;

    /// <summary>A generation was formed: its keys are empty.</summary>
    public void Open(int generation)
    {
        Close();
        lock (_lock)
        {
            _generation = generation;
        }
    }

    /// <summary>Ends the generation, if one is open, unless it is this one: who waits for a key is refused.</summary>
    public void CloseAllBut(int? generation)
    {
        lock (_lock)
        {
            if (_generation == generation)
            {
                return;
            }
        }

        Close();
    }

    /// <summary>Ends when the operation is done, which for Get and Wait is when the key is there.</summary>
    /// <exception cref="StoreRefusedException">The generation is not open, or ended meanwhile.</exception>
    public async Task<StoreAnswer> AskAsync(StoreRequest request)
    {
        while (true)
        {
            Task arrival;
            lock (_lock)
            {
                if (request.Generation != _generation)
                {
                    throw Refused(request.Generation);
                }

                if (Answer(request) is { } answer)
                {
                    return answer;
                }

                arrival = Arrival(request.Key);
            }

            await arrival.ConfigureAwait(false);
        }
    }

    /// <summary>Null when the key is missing that the request needs.</summary>
    private StoreAnswer? Answer(StoreRequest request) => request.Op switch
    {
        StoreOp.Set => Set(request.Key, request.Value ?? [], number: 0),
        StoreOp.Add => Add(request.Key, request.Amount),
        StoreOp.Check => new StoreAnswer(null, _values.ContainsKey(request.Key) ? 1 : 0),
        StoreOp.Delete => new StoreAnswer(null, _values.Remove(request.Key) ? 1 : 0),
        StoreOp.Get => _values.TryGetValue(request.Key, out var value) ? new StoreAnswer(value, 0) : null,
        _ => _values.ContainsKey(request.Key) ? new StoreAnswer(null, 0) : null,
    };

    /// <summary>Numbers are kept as decimal text, which is what a Get of them reads in torch's stores.</summary>
    private StoreAnswer Add(string key, long amount)
    {
        var sum = (_values.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0) + amount;
        return Set(key, Encoding.ASCII.GetBytes(sum.ToString(CultureInfo.InvariantCulture)), sum);
    }

    private StoreAnswer Set(string key, byte[] value, long number)
    {
        _values[key] = value;
        if (_arrivals.Remove(key, out var arrival))
        {
            arrival.SetResult();
        }

        return new StoreAnswer(null, number);
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

    private void Close()
    {
        lock (_lock)
        {
            _generation = null;
            _values.Clear();

            // Who waits looks again and finds the generation gone.
            foreach (var arrival in _arrivals.Values)
            {
                arrival.SetResult();
            }

            _arrivals.Clear();
        }
    }

    private static StoreRefusedException Refused(int generation) => new($"Generation {generation} is over, or was formed before this coordinator started: join again.");
}

/// <summary>The store does not serve the generation.</summary>
internal sealed class StoreRefusedException(string message) : Exception(message);
