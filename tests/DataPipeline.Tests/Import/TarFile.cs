using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>Archives written by the platform's writer, for our reader.</summary>
internal static class TarFile
{
    public static void Write(string path, IEnumerable<(string Name, byte[] Content)> files, TarEntryFormat format = TarEntryFormat.Ustar)
    {
        using var file = File.Create(path);
        using Stream output = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        using var tar = new TarWriter(output, format);
        foreach (var (name, content) in files)
        {
            TarEntry entry = format switch
            {
                TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
                TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
                _ => new GnuTarEntry(TarEntryType.RegularFile, name),
            };
            entry.ModificationTime = DateTimeOffset.UnixEpoch;
            entry.DataStream = new MemoryStream(content);
            tar.WriteEntry(entry);
        }
    }

    /// <summary>Samples with a JPEG, a caption and a JSON object each.</summary>
    public static IEnumerable<(string Name, byte[] Content)> Samples(int first, int count, string folder = "")
    {
        for (var i = first; i < first + count; i++)
        {
            yield return ($"{folder}{i:D6}.jpg", Pictures.Jpeg(i));
            yield return ($"{folder}{i:D6}.txt", Encoding.UTF8.GetBytes($"caption of {i} été"));
            yield return (
                $"{folder}{i:D6}.json",
                Encoding.UTF8.GetBytes($$"""{"url": "http://x/{{i}}", "width": {{i}}, "nothing": null, "exif": {"a": [1, "b"]} }""")
            );
        }
    }

    /// <summary>Names and contents, read with the platform's reader.</summary>
    public static List<(string Name, byte[] Content)> Read(string path)
    {
        var files = new List<(string, byte[])>();
        using var tar = new TarReader(File.OpenRead(path));
        while (tar.GetNextEntry(copyData: true) is { } entry)
        {
            using var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            files.Add((entry.Name, content.ToArray()));
        }

        return files;
    }
}
