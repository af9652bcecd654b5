using System.IO.Compression;
using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>One rule of a selection.</summary>
/// <param name="Rule">The rule in words.</param>
/// <param name="Rows">Rows that were left after it.</param>
public sealed record SelectionStep(string Rule, long Rows)
{
    public override string ToString() => $"{Rule}: {Rows} left";
}

/// <summary>
/// Which rows of a corpus are samples. It is part of the manifest, so that whoever has the manifest has the same samples:
/// computing it may mean reading every image, and is done once.
/// </summary>
/// <param name="Steps">The rules in the order that they were applied in.</param>
/// <param name="Rows">A bit a row, compressed.</param>
public sealed record CorpusSelection(IReadOnlyList<SelectionStep> Steps, byte[] Rows)
{
    internal static CorpusSelection Pack(IReadOnlyList<SelectionStep> steps, RowMask rows)
    {
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.Fastest))
            deflate.Write(MemoryMarshal.AsBytes(rows.Words));
        return new CorpusSelection(steps, packed.ToArray());
    }

    /// <exception cref="InvalidDataException">The bits are not those of so many rows.</exception>
    internal RowMask Unpack(long rowCount)
    {
        var words = new ulong[(rowCount + 63) / 64];
        using var deflate = new DeflateStream(new MemoryStream(Rows), CompressionMode.Decompress);
        var read = deflate.ReadAtLeast(MemoryMarshal.AsBytes(words.AsSpan()), words.Length * sizeof(ulong), throwOnEndOfStream: false);
        return read == words.Length * sizeof(ulong) && deflate.ReadByte() < 0
            ? new RowMask(rowCount, words)
            : throw new InvalidDataException($"its selection is not one of {rowCount} rows");
    }
}
