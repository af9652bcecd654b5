using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// The versions of one value as files of a directory: version n is file n. A version is written aside, synced, and then
/// linked to its name, so that of two writers of version n exactly one succeeds, on local disks as on NFS. There is no lock
/// that a stopped process could hold.
/// </summary>
/// <remarks>
/// A file starts with a line <c>CRC-32C WRITER</c>. What is linked was synced before, so the newest file is whole unless the
/// disk has damaged it. Falling back to the version before would then undo a write that was acknowledged, and reuse its
/// number: damage is an error.
/// </remarks>
internal static partial class VersionedFiles
{
    /// <summary>Number of newest versions that are kept: a reader has that many writes of time between listing and opening.</summary>
    public const int Kept = 8;

    private const int DigitsOfName = 12;
    private const int HeaderLength = 8 + 1 + 32 + 1;
    private const int ReadAttempts = 20;

    /// <summary>Newest version in the directory; 0 if there is none.</summary>
    public static long Newest(string directory) => Versions(directory).DefaultIfEmpty(0).Max();

    public static string PathOf(string directory, long version) =>
        Path.Combine(directory, version.ToString($"d{DigitsOfName}", CultureInfo.InvariantCulture));

    /// <summary>The newest version and its content; version 0 and no content if there is none.</summary>
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
                // Newer versions have replaced it since the directory was listed.
            }
            catch (UnauthorizedAccessException error)
            {
                throw new IOException($"{path} cannot be read: {error.Message}", error);
            }
        }
    }

    /// <summary>Adds a version; false if another writer has added it, or a newer one, first.</summary>
    /// <exception cref="IOException">The directory cannot be written.</exception>
    public static bool TryAdd(string directory, long version, ReadOnlySpan<byte> content)
    {
        var writer = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("n"));
        var aside = Path.Combine(directory, $".{Encoding.ASCII.GetString(writer)}");
        try
        {
            Directory.CreateDirectory(directory);
            WriteAside(aside, writer, content);
            if (!Link(aside, PathOf(directory, version), writer))
            {
                return false;
            }

            DirectorySync.Sync(directory);

            // A writer that slept through many versions finds its number free again, because old versions are deleted. What it
            // has written there is not the newest and goes with the other old ones.
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
                $"{path} is damaged: its check sum does not match. Restore it from a backup, or delete it to go back to the version "
                    + "before it, which loses what was recorded since."
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
    private static bool Link(string aside, string path, byte[] writer)
    {
        const int Exists = 17;
        if (Link(aside, path) == 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        if (errno != Exists)
        {
            throw new IOException($"{path} cannot be linked: {Marshal.GetPInvokeErrorMessage(errno)}");
        }

        // NFS repeats a request whose answer got lost: the link that is in the way may be this one.
        return IsOf(path, writer);
    }

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
            // What is not needed any more may stay.
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
