using System.Globalization;

namespace ClipTrain.DataPipeline.Import.Export;

/// <summary>
/// Names of the samples in one archive, derived from the images' paths. Readers of shards cut a base name at its first dot and join
/// neighbours with equal names, so names have no dot and are unique.
/// </summary>
internal sealed class SampleKeys
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    /// <summary>The name of a sample, and the extension of its image.</summary>
    /// <param name="row">The sample.</param>
    /// <param name="index">Its number, which names it if it has no path.</param>
    public (string Key, string Extension) Next(ExportRow row, long index)
    {
        var path = string.Join(
            '/',
            (row.Path ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part is not ("." or ".."))
        );
        var extension = Path.GetExtension(path).TrimStart('.').ToLowerInvariant();
        var isNamed = SampleFiles.IsImage(extension);
        var key = isNamed ? path[..^(extension.Length + 1)] : path;
        var name = key.LastIndexOf('/') + 1;
        key = key[..name] + key[name..].Replace('.', '_');
        if (key.Length == name)
        {
            key += index.ToString("D9", CultureInfo.InvariantCulture);
        }
        // Readers skip names with this prefix.
        if (key.AsSpan(name).StartsWith("__", StringComparison.Ordinal))
        {
            key = key.Insert(name, "x");
        }

        var unique = key;
        for (var n = 2; !_used.Add(unique); n++)
        {
            unique = $"{key}-{n}";
        }

        return (unique, isNamed ? extension : ExtensionOf(row.Image));
    }

    private static string ExtensionOf(ReadOnlySpan<byte> image) =>
        image switch
        {
            [0xFF, 0xD8, ..] => "jpg",
            [0x89, (byte)'P', ..] => "png",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => "webp",
            [(byte)'G', (byte)'I', (byte)'F', ..] => "gif",
            [(byte)'I', (byte)'I', ..] or [(byte)'M', (byte)'M', ..] => "tif",
            [(byte)'B', (byte)'M', ..] => "bmp",
            [(byte)'<', ..] => "svg",
            _ => "avif",
        };
}
