using System.Numerics;

namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// A counter-based generator: the n-th number is a pure function of its key, so random choices for a sample are the same on any worker,
/// in any order and after any resume. Philox-4x32-10 (Salmon et al., SC 2011).
/// </summary>
public struct CounterRandom
{
    private const uint Multiplier0 = 0xD2511F53,
        Multiplier1 = 0xCD9E8D57,
        Weyl0 = 0x9E3779B9,
        Weyl1 = 0xBB67AE85;

    private readonly uint _key0,
        _key1,
        _stream0,
        _stream1;
    private ulong _counter;
    private UInt128 _block;
    private int _left;

    /// <summary>A generator keyed by a run's seed and two numbers (usually epoch and sample).</summary>
    public CounterRandom(ulong seed, ulong epoch, ulong sample)
    {
        _key0 = (uint)seed;
        _key1 = (uint)(seed >> 32) ^ BitOperations.RotateLeft((uint)epoch, 16) ^ (uint)(epoch >> 32);
        _stream0 = (uint)sample;
        _stream1 = (uint)(sample >> 32) ^ ((uint)epoch * Weyl0);
    }

    /// <summary>The next 32 bits.</summary>
    public uint NextUInt32()
    {
        if (_left == 0)
        {
            _block = Philox((uint)_counter, (uint)(_counter >> 32), _stream0, _stream1, _key0, _key1);
            _counter++;
            _left = 4;
        }

        var value = (uint)_block;
        _block >>= 32;
        _left--;
        return value;
    }

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public double NextDouble()
    {
        ulong high = NextUInt32() >> 5,
            low = NextUInt32() >> 6;
        return ((high << 26) | low) * (1.0 / (1UL << 53));
    }

    /// <summary>Uniform in [low, high).</summary>
    public double NextDouble(double low, double high) => low + ((high - low) * NextDouble());

    /// <summary>Uniform in [0, bound), without modulo bias (Lemire 2019). Bound must be positive.</summary>
    public long NextInt64(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var range = (ulong)bound;
        while (true)
        {
            var bits = ((ulong)NextUInt32() << 32) | NextUInt32();
            var high = Math.BigMul(bits, range, out var low);
            if (low >= range || low >= (0 - range) % range)
            {
                return (long)high;
            }
        }
    }

    /// <summary>Shuffles the items in place (Fisher–Yates in Durstenfeld's form).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = (int)NextInt64(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>Philox's bijection of the counter x under a key; the first output is the lowest 32 bits.</summary>
    internal static UInt128 Philox(uint x0, uint x1, uint x2, uint x3, uint key0, uint key1)
    {
        for (var round = 0; round < 10; round++)
        {
            var product0 = (ulong)Multiplier0 * x0;
            var product1 = (ulong)Multiplier1 * x2;
            (x0, x1, x2, x3) = ((uint)(product1 >> 32) ^ x1 ^ key0, (uint)product1, (uint)(product0 >> 32) ^ x3 ^ key1, (uint)product0);
            key0 += Weyl0;
            key1 += Weyl1;
        }

        return new UInt128(((ulong)x3 << 32) | x2, ((ulong)x1 << 32) | x0);
    }
}
