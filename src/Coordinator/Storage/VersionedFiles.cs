using System.Globalization;
using System.Numerics;
using System.Text;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Stores the versions of one value as files of a directory: version n is file n. A version is written to a temporary file, flushed, and
/// linked to its name, so that of two writers of version n exactly one succeeds, on local disks as on NFS. There is no lock that a
/// suspended process could hold.
/// </summary>
/// <remarks>
/// A file starts with a line <c>CRC-32C WRITER</c>. Files are flushed before they are linked, so the newest file is complete unless the
/// disk has damaged it. Falling back to the previous version would undo an acknowledged write and reuse its number, so damage is an
/// error.
/// </remarks>
internal static class VersionedFiles
{
    /// <summary>Number of versions to keep. A reader must open a file within this many writes after listing the directory.</summary>
    public const int Kept = 8;

    private const int DigitsOfName = 12;
    private const int HeaderLength = 8 + 1 + 32 + 1;
    private const int ReadAttempts = 20;

    /// <summary>The newest version in the directory; 0 if there is none.</summary>
    public static long Newest(string directory) => Versions(directory).DefaultIfEmpty(0).Max();

    public static string PathOf(string directory, long version) =>
        Path.Combine(directory, version.ToString($"d{DigitsOfName}", CultureInfo.InvariantCulture));

    /// <summary>Reads the newest version and its content; version 0 and no content if there is none.</summary>
    /// <exception cref="InvalidDataException">The newest file is damaged.</exception>
    public static (long Version, byte[] Content) Read(string directory)
    {
        for (var attempt = 1; ; attempt++)
        {
            var newest = Newest(directory);
            if (newest == 0)
            {
                return (0, []);
            }

            var path = PathOf(directory, newest);
            try
            {
                return (newest, Content(path, File.ReadAllBytes(path)));
            }
            catch (FileNotFoundException) when (attempt < ReadAttempts)
            {
                // Newer versions have replaced it since the listing.
            }
            catch (UnauthorizedAccessException error)
            {
                throw new IOException($"{path} cannot be read: {error.Message}", error);
            }
        }
    }

    /// <summary>Adds a version. Returns false if another writer added it, or a newer one, first.</summary>
    /// <exception cref="IOException">The directory is not writable.</exception>
    public static bool TryAdd(string directory, long version, ReadOnlySpan<byte> content)
    {
        var writer = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("n"));
        var aside = Path.Combine(directory, $".{Encoding.ASCII.GetString(writer)}");
        try
        {
            Directory.CreateDirectory(directory);
            WriteAside(aside, writer, content);
            if (!TryLink(aside, PathOf(directory, version), writer))
            {
                return false;
            }

            DirectorySync.Sync(directory);

            // A writer that was suspended for many versions finds its number free again, because old versions are deleted. Its file is
            // not the newest and is deleted with the other old ones.
            var newest = Newest(directory);
            DeleteBefore(directory, newest - Kept + 1);
            return newest < version + Kept;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{directory}: version {version} cannot be written: {error.Message}", error);
        }
        finally
        {
            Delete(aside);
        }
    }

    private static IEnumerable<long> Versions(string directory) =>
        Directory.Exists(directory)
            ? Directory
                .EnumerateFiles(directory)
                .Select(path =>
                    long.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0
                )
            : [];

    private static void WriteAside(string path, byte[] writer, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        file.Write(Encoding.ASCII.GetBytes(CheckSum(content)));
        file.WriteByte((byte)' ');
        file.Write(writer);
        file.WriteByte((byte)'\n');
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    private static byte[] Content(string path, byte[] file)
    {
        if (
            file.Length < HeaderLength
            || !Encoding.ASCII.GetBytes(CheckSum(file.AsSpan(HeaderLength))).AsSpan().SequenceEqual(file.AsSpan(0, 8))
        )
        {
            throw new InvalidDataException(
                $"{path} is damaged: its checksum does not match. Restore it from a backup, or delete it to return to the previous "
                    + "version, which loses everything recorded since."
            );
        }

        return file[HeaderLength..];
    }

    private static string CheckSum(ReadOnlySpan<byte> content)
    {
        var crc = uint.MaxValue;
        foreach (var octet in content)
        {
            crc = BitOperations.Crc32C(crc, octet);
        }

        return (~crc).ToString("x8", CultureInfo.InvariantCulture);
    }

    /// <summary>Links the file to its name; false if another writer has the name.</summary>
    private static bool TryLink(string aside, string path, byte[] writer) =>
        // NFS repeats a request whose reply was lost, so an existing link may be this writer's.
        Posix.TryLink(aside, path) || IsOf(path, writer);

    private static bool IsOf(string path, byte[] writer)
    {
        try
        {
            var file = File.ReadAllBytes(path);
            return file.Length >= HeaderLength && file.AsSpan(9, writer.Length).SequenceEqual(writer);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private static void DeleteBefore(string directory, long version)
    {
        foreach (var old in Versions(directory).Where(old => old > 0 && old < version).Order().ToList())
        {
            Delete(PathOf(directory, old));
        }
    }

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A file that is no longer needed may stay.
        }
    }
}
