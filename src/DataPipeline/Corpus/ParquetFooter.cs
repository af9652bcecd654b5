using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The frame of a Parquet file: "PAR1", data, footer, the footer's length (4 bytes, little-endian), "PAR1".</summary>
internal static class ParquetFooter
{
    private const int MagicBytes = 4;
    private const int TrailerBytes = sizeof(int) + MagicBytes;

    /// <summary>The SHA-256 of the footer's bytes, in lower-case hex.</summary>
    /// <exception cref="CorpusException">The file is no Parquet, is truncated, encrypted or cannot be read.</exception>
    public static string Sha256(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return Convert.ToHexStringLower(SHA256.HashData(ReadFooter(file, path)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    private static byte[] ReadFooter(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path)
    {
        var length = RandomAccess.GetLength(file);
        var head = Read(file, 0, (int)Math.Min(length, MagicBytes));
        if (head.AsSpan().SequenceEqual("PARE"u8))
        {
            throw new CorpusException($"{path}: encrypted Parquet cannot be read; write it anew without encryption");
        }

        if (!head.AsSpan().SequenceEqual("PAR1"u8))
        {
            throw new CorpusException(length == 0
                ? $"{path}: the file is empty; download or write it again"
                : $"{path}: not a Parquet file (it does not start with PAR1); give Parquet files, or convert this one");
        }

        var trailer = length < MagicBytes + TrailerBytes ? [] : Read(file, length - TrailerBytes, TrailerBytes);
        var footerLength = trailer.Length == 0 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(trailer);
        if (trailer.Length == 0 || !trailer.AsSpan(sizeof(int)).SequenceEqual("PAR1"u8)
            || footerLength <= 0 || footerLength > length - TrailerBytes - MagicBytes)
        {
            throw new CorpusException($"{path}: truncated Parquet ({length} bytes, without a footer at the end); download or write it again");
        }

        return Read(file, length - TrailerBytes - footerLength, footerLength);
    }

    private static byte[] Read(Microsoft.Win32.SafeHandles.SafeFileHandle file, long offset, int count)
    {
        var bytes = new byte[count];
        for (var done = 0; done < count;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), offset + done);
            done += read > 0 ? read : throw new EndOfStreamException("the file shrank while it was read");
        }

        return bytes;
    }
}
