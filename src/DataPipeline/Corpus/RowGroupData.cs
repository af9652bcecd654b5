using System.Runtime.InteropServices;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// The images and captions of a row group, in one buffer outside the managed heap. Reading is safe from any number of
/// threads; spans are valid until <see cref="Dispose"/>.
/// </summary>
public sealed unsafe class RowGroupData : IDisposable
{
    private const int Null = -1;

    private readonly Slice[] _images;
    private readonly Slice[] _captions;
    private byte* _buffer;
    private long _capacity;

    internal RowGroupData(long firstIndex, int count, long expectedBytes)
    {
        FirstIndex = firstIndex;
        _images = new Slice[count];
        _captions = new Slice[count];
        _capacity = Math.Max(1, expectedBytes);
        _buffer = (byte*)NativeMemory.Alloc((nuint)_capacity);
    }

    /// <summary>Rows.</summary>
    public int Count { get; private set; }

    /// <summary>Sample index of row 0.</summary>
    public long FirstIndex { get; }

    /// <summary>Bytes of images and captions held.</summary>
    public long ByteSize { get; private set; }

    /// <summary>The encoded image of a row; empty when it is null.</summary>
    public ReadOnlySpan<byte> Image(int i) => Bytes(Row(_images, i));

    /// <summary>The caption of a row.</summary>
    public string? Caption(int i)
    {
        var slice = Row(_captions, i);
        return slice.Length == Null ? null : Encoding.UTF8.GetString(Bytes(slice));
    }

    public void Dispose()
    {
        NativeMemory.Free(_buffer);
        _buffer = null;
    }

    internal void Add(ReadOnlySpan<byte> image, bool captionIsNull, ReadOnlySpan<byte> caption)
    {
        _images[Count] = Append(image);
        _captions[Count] = captionIsNull ? new Slice(0, Null) : Append(caption);
        Count++;
    }

    private Slice Append(ReadOnlySpan<byte> bytes)
    {
        if (ByteSize + bytes.Length > _capacity)
        {
            _capacity = Math.Max(ByteSize + bytes.Length, _capacity + _capacity / 2);
            _buffer = (byte*)NativeMemory.Realloc(_buffer, (nuint)_capacity);
        }

        bytes.CopyTo(new Span<byte>(_buffer + ByteSize, bytes.Length));
        var slice = new Slice(ByteSize, bytes.Length);
        ByteSize += bytes.Length;
        return slice;
    }

    private Slice Row(Slice[] slices, int i)
    {
        ObjectDisposedException.ThrowIf(_buffer == null, this);
        return slices.AsSpan(0, Count)[i];
    }

    private ReadOnlySpan<byte> Bytes(Slice slice) => new(_buffer + slice.Offset, slice.Length);

    private readonly record struct Slice(long Offset, int Length);
}
