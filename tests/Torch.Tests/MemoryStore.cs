using System.Globalization;
using System.Text;

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
            Wait(key, timeout);
            return _values[key];
        }
    }

    public long Add(string key, long amount)
    {
        lock (_values)
        {
            long sum = amount + (_values.TryGetValue(key, out byte[]? old) ? long.Parse(old, CultureInfo.InvariantCulture) : 0);
            Set(key, Encoding.ASCII.GetBytes(sum.ToString(CultureInfo.InvariantCulture)));
            return sum;
        }
    }

    public bool Check(string key)
    {
        lock (_values)
        {
            return _values.ContainsKey(key);
        }
    }

    public bool Delete(string key)
    {
        lock (_values)
        {
            return _values.Remove(key);
        }
    }

    public void Wait(string key, TimeSpan timeout)
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
        }
    }
}
