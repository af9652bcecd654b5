using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The metadata of a Parquet file.</summary>
/// <param name="File">Size and row groups.</param>
/// <param name="Fields">Its columns, in order.</param>
/// <param name="Footer">The metadata's undecoded bytes.</param>
internal sealed record ParquetDescription(CorpusFile File, IReadOnlyList<ParquetField> Fields, byte[] Footer);

/// <summary>Reads the metadata of Parquet files.</summary>
internal static class ParquetInspector
{
    /// <exception cref="CorpusException">The file cannot be read as Parquet.</exception>
    public static ParquetDescription Describe(string path)
    {
        try
        {
            var (footer, bytes) = ParquetFooter.Read(path);
            using var parquet = new ParquetFile(path);
            int[] groups = [.. Enumerable.Range(0, parquet.RowGroupCount).Select(parquet.Rows)];
            return new ParquetDescription(
                new CorpusFile(path, bytes, groups.Sum(rows => (long)rows), groups) { Stamp = FileStamp.Of(path) },
                parquet.Fields,
                footer
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (ParquetFailure.Is(e))
        {
            throw ParquetFailure.At(path, e);
        }
    }
}

/// <summary>The end of a Parquet file: its metadata, 4 bytes of length and the magic <c>PAR1</c>.</summary>
internal static class ParquetFooter
{
    private const int TailBytes = 8;

    /// <summary>The undecoded metadata, and the length of the file; links are followed.</summary>
    /// <exception cref="CorpusException">The file is not Parquet, or is truncated.</exception>
    public static (byte[] Footer, long FileBytes) Read(string path)
    {
        RegularFile.Require(path);
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        Span<byte> head = stackalloc byte[4];
        var got = RandomAccess.Read(file, head, 0);
        if (head[..got].SequenceEqual("PARE"u8))
        {
            throw new CorpusException($"{path} is an encrypted Parquet file, which is not supported; rewrite it without encryption");
        }

        Span<byte> ustar = stackalloc byte[5];
        if (head[..got] is [0x1F, 0x8B, ..] || (RandomAccess.Read(file, ustar, 257) == ustar.Length && ustar.SequenceEqual("ustar"u8)))
        {
            throw new CorpusException(
                $"{path} is a tar archive or compressed file, not Parquet. Import webdataset shards first: cliptrain data import tar "
                    + $"{path} -o FOLDER, then use that folder"
            );
        }

        if (!head[..got].SequenceEqual("PAR1"u8))
        {
            throw new CorpusException(
                $"{path} is not a Parquet file (it does not begin with PAR1); remove it from data.train or convert it"
            );
        }

        Span<byte> tail = stackalloc byte[TailBytes];
        var hasTail = length >= 4 + TailBytes && RandomAccess.Read(file, tail, length - TailBytes) == TailBytes;
        var footerBytes = hasTail && tail[4..].SequenceEqual("PAR1"u8) ? BinaryPrimitives.ReadUInt32LittleEndian(tail) : 0;
        if (footerBytes == 0 || footerBytes > length - 4 - TailBytes)
        {
            throw new CorpusException($"{path} is truncated: its {length} bytes lack Parquet's footer; copy or download it again");
        }

        var footer = new byte[footerBytes];
        var done = 0;
        while (done < footer.Length)
        {
            var read = RandomAccess.Read(file, footer.AsSpan(done), length - TailBytes - footerBytes + done);
            done +=
                read > 0
                    ? read
                    : throw new CorpusException($"{path} became shorter while being read; wait until it is complete and try again");
        }

        return (footer, length);
    }
}
