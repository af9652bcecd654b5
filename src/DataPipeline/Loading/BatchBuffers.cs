using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Native memory of one batch, aligned to 64 bytes: images, [capacity, 3, size, size] of the transform's type; tokens, int64 [capacity,
/// context]; end positions, int64 [capacity]; labels, int64 [capacity].
/// </summary>
internal sealed unsafe class BatchBuffers : IDisposable
{
    private const int Alignment = 64;

    private readonly int _imageBytes,
        _context;

    public BatchBuffers(int capacity, int imageBytes, int context)
    {
        (_imageBytes, _context) = (imageBytes, context);
        Images = Allocate((nuint)capacity * (nuint)imageBytes);
        Tokens = Allocate((nuint)capacity * (nuint)context * sizeof(long));
        EndPositions = Allocate((nuint)capacity * sizeof(long));
        Labels = Allocate((nuint)capacity * sizeof(long));
    }

    public nint Images { get; private set; }

    public nint Tokens { get; private set; }

    public nint EndPositions { get; private set; }

    public nint Labels { get; private set; }

    public Span<byte> Image(int slot) => new((byte*)Images + ((long)slot * _imageBytes), _imageBytes);

    public Span<long> TokensOf(int slot) => new((long*)Tokens + ((long)slot * _context), _context);

    public ref long EndPosition(int slot) => ref ((long*)EndPositions)[slot];

    public ref long Label(int slot) => ref ((long*)Labels)[slot];

    /// <summary>Copies one slot over another.</summary>
    public void Move(int from, int to)
    {
        Image(from).CopyTo(Image(to));
        TokensOf(from).CopyTo(TokensOf(to));
        EndPosition(to) = EndPosition(from);
        Label(to) = Label(from);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree((void*)Images);
        NativeMemory.AlignedFree((void*)Tokens);
        NativeMemory.AlignedFree((void*)EndPositions);
        NativeMemory.AlignedFree((void*)Labels);
        (Images, Tokens, EndPositions, Labels) = (0, 0, 0, 0);
    }

    private static nint Allocate(nuint bytes) => (nint)NativeMemory.AlignedAlloc(bytes, Alignment);
}

/// <summary>Pool of batch buffers. Thread-safe. Disposal frees the idle buffers at once and rented ones when they are returned.</summary>
internal sealed class BatchBufferPool(int capacity, int imageBytes, int context) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<BatchBuffers> _free = new();
    private bool _disposed;

    public BatchBuffers Rent()
    {
        lock (_lock)
        {
            return _free.TryPop(out var buffers) ? buffers : new BatchBuffers(capacity, imageBytes, context);
        }
    }

    public void Return(BatchBuffers buffers)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                buffers.Dispose();
            }
            else
            {
                _free.Push(buffers);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_free.TryPop(out var buffers))
            {
                buffers.Dispose();
            }
        }
    }
}
