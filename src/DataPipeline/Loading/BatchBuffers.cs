using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Native memory for a batch: fp32 images [b, 3, S, S], int64 tokens [b, L] and ends [b], 64-byte aligned.</summary>
internal sealed unsafe class BatchBuffers : IDisposable
{
    private const nuint Alignment = 64;
    private readonly int _imageLength, _context, _capacity;

    public BatchBuffers(int capacity, int imageSize, int context)
    {
        (_capacity, _imageLength, _context) = (capacity, 3 * imageSize * imageSize, context);
        Images = Allocate((long)capacity * _imageLength * sizeof(float));
        Tokens = Allocate((long)capacity * context * sizeof(long));
        EndPositions = Allocate((long)capacity * sizeof(long));
    }

    public nint Images { get; private set; }

    public nint Tokens { get; private set; }

    public nint EndPositions { get; private set; }

    public Span<float> Image(int row) => new((float*)Images + ((long)row * _imageLength), _imageLength);

    public Span<long> TokensOf(int row) => new((long*)Tokens + ((long)row * _context), _context);

    public Span<long> Ends => new((long*)EndPositions, _capacity);

    public void Dispose()
    {
        NativeMemory.AlignedFree((void*)Images);
        NativeMemory.AlignedFree((void*)Tokens);
        NativeMemory.AlignedFree((void*)EndPositions);
        (Images, Tokens, EndPositions) = (0, 0, 0);
    }

    private static nint Allocate(long bytes) => (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), Alignment);
}
