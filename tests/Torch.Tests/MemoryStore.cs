using ClipTrain.Torch.Collectives;

namespace ClipTrain.Torch.Tests;

/// <summary>The keys of a store in memory, for ranks that are threads of one process.</summary>
internal sealed class MemoryStore : IStoreBackend
{
    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);

    public void Set(string key, ReadOnlySpan<byte> value)
    {
        lock (_values)
        {
            _values[key] = value.ToArray();
            Monitor.PulseAll(_values);
        }
    }

    public byte[] Get(string key, TimeSpan timeout)
    {
        lock (_values)
        {
            while (!_values.ContainsKey(key))
            {
                if (!Monitor.Wait(_values, timeout))
                {
                    throw new TimeoutException($"key '{key}' timed out after {timeout.TotalMilliseconds:0} ms");
                }
            }

            return _values[key];
        }
    }
}
