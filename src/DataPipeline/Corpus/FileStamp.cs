using System.Security.Cryptography;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>By what a file is known to be the one that it was, without reading all of it.</summary>
/// <param name="Modified">When it was last written.</param>
/// <param name="Sample">SHA-256 (hexadecimal) of blocks spread over the file, its begin and end among them; of a small file, of all
/// of it.</param>
public sealed record FileStamp(DateTime Modified, string Sample)
{
    private const int Blocks = 16,
        BlockBytes = 4096;

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
            // Blocks of a small file touch each other or overlap, so that none of its bytes is left out.
            var read = RandomAccess.Read(file, block, last / (Blocks - 1) * i + (last % (Blocks - 1) * i / (Blocks - 1)));
            hash.AppendData(block, 0, read);
        }

        return new FileStamp(File.GetLastWriteTimeUtc(file), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
