using System.Security.Cryptography;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Identifies a file's contents without reading all of it.</summary>
/// <param name="Modified">Time of the last modification, UTC.</param>
/// <param name="Sample">SHA-256 (hexadecimal) of blocks spread over the file, including its beginning and end; of the whole file if it is
/// small.</param>
public sealed record FileStamp(DateTime Modified, string Sample)
{
    private const int Blocks = 16,
        BlockBytes = 4096;

    /// <summary>The stamp of a file.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static FileStamp Of(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = RandomAccess.GetLength(file);
        var block = new byte[BlockBytes];
        var last = Math.Max(0, length - BlockBytes);
        for (var i = 0; i < Blocks; i++)
        {
            // Blocks of a small file touch or overlap, so that all of its bytes are covered.
            var read = RandomAccess.Read(file, block, last / (Blocks - 1) * i + (last % (Blocks - 1) * i / (Blocks - 1)));
            hash.AppendData(block, 0, read);
        }

        return new FileStamp(File.GetLastWriteTimeUtc(file), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}

/// <summary>Length of a file; links, as in a Hugging Face cache, are followed.</summary>
internal static class FileLength
{
    /// <summary>Length in bytes.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static long Of(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return RandomAccess.GetLength(file);
    }
}
