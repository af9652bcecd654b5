using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The last part of a Parquet file: its metadata, 4 bytes of length and the magic <c>PAR1</c>.</summary>
internal static class ParquetFooter
{
    private const int TailBytes = 8;

    /// <summary>The metadata's bytes, undecoded, and the length of the file: of the file itself where the path is a link.</summary>
    /// <exception cref="CorpusException">The file is not Parquet, or not all of it is there.</exception>
    public static (byte[] Footer, long FileBytes) Read(string path)
    {
        RegularFile.Require(path);
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        Span<byte> head = stackalloc byte[4];
        var got = RandomAccess.Read(file, head, 0);
        if (head[..got].SequenceEqual("PARE"u8))
            throw new CorpusException($"{path} is an encrypted Parquet file, which cannot be read here; write it without encryption");
        Span<byte> ustar = stackalloc byte[5];
        if (head[..got] is [0x1F, 0x8B, ..] || (RandomAccess.Read(file, ustar, 257) == ustar.Length && ustar.SequenceEqual("ustar"u8)))
            throw new CorpusException(
                $"{path} is a tar archive or compressed, and no Parquet file. Import webdataset shards first: cliptrain data import tar "
                    + $"{path} -o FOLDER, and name that folder"
            );
        if (!head[..got].SequenceEqual("PAR1"u8))
            throw new CorpusException(
                $"{path} is not a Parquet file (it does not begin with PAR1); take it out of data.train or convert it"
            );

        Span<byte> tail = stackalloc byte[TailBytes];
        var hasTail = length >= 4 + TailBytes && RandomAccess.Read(file, tail, length - TailBytes) == TailBytes;
        var footerBytes = hasTail && tail[4..].SequenceEqual("PAR1"u8) ? BinaryPrimitives.ReadUInt32LittleEndian(tail) : 0;
        if (footerBytes == 0 || footerBytes > length - 4 - TailBytes)
            throw new CorpusException(
                $"{path} is truncated: its {length} bytes do not end as a Parquet file does; copy or download it again"
            );

        var footer = new byte[footerBytes];
        for (var done = 0; done < footer.Length; )
        {
            var read = RandomAccess.Read(file, footer.AsSpan(done), length - TailBytes - footerBytes + done);
            done +=
                read > 0
                    ? read
                    : throw new CorpusException($"{path} became shorter while it was read; wait until it is written and try again");
        }

        return (footer, length);
    }
}
