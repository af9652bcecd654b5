using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>
/// SHA-256 of all bytes of a corpus's files, in sha256sum's file format with paths relative to the checksum file's folder.
/// </summary>
public static class FileChecksums
{
    private const string Separator = "  ";

    /// <summary>Writes the current checksums of the files.</summary>
    /// <exception cref="IOException">A file cannot be read, or the checksums cannot be written.</exception>
    public static void Write(string path, CorpusManifest manifest, CancellationToken cancellation)
    {
        var lines = new StringBuilder();
        foreach (var file in manifest.Files)
        {
            lines.Append(Of(file.Path, cancellation)).Append(Separator).Append(NameOf(path, file.Path)).Append('\n');
        }

        File.WriteAllText(path, lines.ToString());
    }

    /// <summary>Compares every byte of the files with their checksums; yields a sentence for each difference.</summary>
    /// <exception cref="CorpusException">The checksum file cannot be read.</exception>
    public static IEnumerable<string> Differences(string path, CorpusManifest manifest, CancellationToken cancellation)
    {
        var known = Read(path);
        foreach (var file in manifest.Files)
        {
            if (!known.TryGetValue(NameOf(path, file.Path), out var expected))
            {
                yield return $"{file.Path} has no checksum in {path}";
            }
            else if (!expected.Equals(Of(file.Path, cancellation), StringComparison.OrdinalIgnoreCase))
            {
                yield return $"{file.Path} has changed: its checksum differs from the one in {path}";
            }
        }
    }

    private static Dictionary<string, string> Read(string path)
    {
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        RegularFile.Require(path);
        foreach (var (number, line) in File.ReadLines(path).Index())
        {
            if (line.Split(Separator, 2) is not [{ Length: 64 } hash, { Length: > 0 } name])
            {
                throw new CorpusException($"{path}:{number + 1}: this is not a checksum line in sha256sum's format");
            }

            known[name] = hash;
        }

        return known;
    }

    private static string NameOf(string checksums, string file) =>
        Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(checksums))!, file);

    private static string Of(string path, CancellationToken cancellation)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[1 << 20];
        int read;
        while ((read = file.Read(block)) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(block, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
