using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Native memory for the encoded images of a row group. Values are appended to blocks of one size from a pool, so that reading a corpus
/// neither grows nor fragments the heap; a value larger than a block gets its own allocation.
/// </summary>
internal sealed unsafe class ByteArena(BlockPool pool) : IDisposable
{
    private readonly List<nint> _blocks = [],
        _large = [];
    private int _used = BlockPool.BlockBytes;

    /// <summary>Copies a value; its address is valid until the arena is disposed.</summary>
    public nint Append(ReadOnlySpan<byte> value)
    {
        var address = Reserve(value.Length);
        value.CopyTo(new Span<byte>((void*)address, value.Length));
        return address;
    }

    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            pool.Return(block);
        }

        foreach (var block in _large)
        {
            NativeMemory.Free((void*)block);
        }

        _blocks.Clear();
        _large.Clear();
    }

    private nint Reserve(int bytes)
    {
        if (bytes > BlockPool.BlockBytes)
        {
            var large = (nint)NativeMemory.Alloc((nuint)bytes);
            _large.Add(large);
            return large;
        }

        if (_used + bytes > BlockPool.BlockBytes)
        {
            _blocks.Add(pool.Rent());
            _used = 0;
        }

        var address = _blocks[^1] + _used;
        _used += bytes;
        return address;
    }
}

/// <summary>
/// Pool of native memory blocks. Thread-safe. Disposal frees the idle blocks at once and rented ones when they are returned.
/// </summary>
internal sealed unsafe class BlockPool : IDisposable
{
    public const int BlockBytes = 256 << 10;

    private readonly Lock _lock = new();
    private readonly Stack<nint> _free = new();
    private bool _disposed;

    public nint Rent()
    {
        lock (_lock)
        {
            if (_free.TryPop(out var block))
            {
                return block;
            }
        }

        return (nint)NativeMemory.Alloc(BlockBytes);
    }

    public void Return(nint block)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _free.Push(block);
                return;
            }
        }

        NativeMemory.Free((void*)block);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_free.TryPop(out var block))
            {
                NativeMemory.Free((void*)block);
            }
        }
    }
}
