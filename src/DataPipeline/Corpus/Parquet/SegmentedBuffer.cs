namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Bytes that are appended and written out as one, in segments that are kept for the next row group: growing never copies, and never needs more than the bytes themselves.</summary>
internal sealed class SegmentedBuffer
{
    /// <summary>Small, as each column of a file has one at least.</summary>
    private const int SegmentBytes = 64 << 10;

    private readonly List<byte[]> _segments = [];

    public int Length { get; private set; }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var used = Length % SegmentBytes;
            if (Length / SegmentBytes == _segments.Count)
                _segments.Add(new byte[SegmentBytes]);
            var part = Math.Min(bytes.Length, SegmentBytes - used);
            bytes[..part].CopyTo(_segments[Length / SegmentBytes].AsSpan(used));
            bytes = bytes[part..];
            Length = checked(Length + part);
        }
    }

    public void WriteTo(Stream output)
    {
        for (var start = 0; start < Length; start += SegmentBytes)
            output.Write(_segments[start / SegmentBytes].AsSpan(0, Math.Min(SegmentBytes, Length - start)));
    }

    public void Clear() => Length = 0;
}
