using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>A file of a sample.</summary>
/// <param name="Extension">Lower case, without the dot in front, with those inside: <c>jpg</c>, <c>input.jpg</c>.</param>
/// <param name="Content">Its bytes; null if there are more than are accepted.</param>
internal readonly record struct SampleFile(string Extension, byte[]? Content);

/// <summary>
/// The files that make up a sample, of one name and several extensions, and what row they make: an image, a text or a
/// field of a JSON object as caption, <c>cls</c> as label, the JSON's other fields and further texts as extra values.
/// </summary>
internal static class SampleFiles
{
    /// <summary>Larger images are refused: one must fit into memory many times over.</summary>
    public const int MaxImageBytes = 64 << 20;

    private const int MaxTextBytes = 4 << 20;

    /// <summary>Those that a decoder reads.</summary>
    private static readonly string[] ImageExtensions =
    [
        "jpg",
        "jpeg",
        "jfif",
        "png",
        "webp",
        "gif",
        "bmp",
        "tga",
        "pnm",
        "ppm",
        "pgm",
        "pbm",
        "tif",
        "tiff",
        "avif",
        "svg",
    ];
    private static readonly string[] CaptionFields = ["caption", "text", "captions"];
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool IsImage(string extension) => ImageExtensions.Contains(extension, StringComparer.Ordinal);

    /// <summary>How many bytes of a file with this extension are accepted; 0 where the file has no part in a row.</summary>
    public static int Accepted(string extension, string? caption)
    {
        if (IsImage(extension))
            return MaxImageBytes;
        return extension is "json" or "cls" || extension == caption || IsText(extension) ? MaxTextBytes : 0;
    }

    /// <param name="key">The sample's name: a path without extension.</param>
    /// <param name="files">Its files.</param>
    /// <param name="caption">Where the caption is: an extension or a field of the JSON; null for <c>txt</c>, else the field caption or
    /// text.</param>
    /// <param name="isLineEach">Whether each line of a text is a caption.</param>
    /// <exception cref="ImportRowException">There is no image, the caption is no text, or a file is damaged.</exception>
    public static ImportRow ToRow(string key, IReadOnlyList<SampleFile> files, string? caption, bool isLineEach)
    {
        if (files.GroupBy(f => f.Extension, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ImportRowException("a file twice", $"{key}.{twice.Key}");
        if (files.FirstOrDefault(f => f.Content is null) is { Extension: { } large })
            throw new ImportRowException("file too large", $"{key}.{large} has more than {Accepted(large, caption) >> 20} MiB");
        var image = files.FirstOrDefault(f => IsImage(f.Extension));
        if (image.Content is null)
            throw new ImportRowException(
                "no image",
                files.Count == 0 ? key : $"{key} has {string.Join(", ", files.Select(f => f.Extension))}"
            );

        var texts = files
            .Where(f => IsText(f.Extension) || f.Extension == caption)
            .Select(f => KeyValuePair.Create(f.Extension, (string?)Text(key, f)));
        JsonField[] fields = [.. files.Where(f => f.Extension == "json").SelectMany(f => JsonFields.Read(f.Content!))];
        KeyValuePair<string, string?>[] said = [.. texts, .. fields.Select(f => KeyValuePair.Create(f.Name, f.Text))];
        string[] captionNames = caption is null ? ["txt", .. CaptionFields] : [caption];
        var captions = Captions(key, captionNames, said, fields, isLineEach);
        var found = captions is [var only] ? only : null;
        var labels = files.Where(f => f.Extension == "cls").Select(f => KeyValuePair.Create("label", (string?)Text(key, f)));
        return new ImportRow(
            $"{key}.{image.Extension}",
            image.Content,
            captions,
            [
                .. labels,
                .. said.Where(s =>
                    !IsSaid(s, captionNames, found) && !(captions.Count > 1 && captionNames.Contains(s.Key, StringComparer.Ordinal))
                ),
            ]
        );
    }

    /// <summary>A list of several says more than a text; else the first text by the order of the names.</summary>
    private static IReadOnlyList<string> Captions(
        string key,
        string[] names,
        KeyValuePair<string, string?>[] said,
        JsonField[] fields,
        bool isLineEach
    )
    {
        var lists = fields
            .Where(f => f.List is not null && names.Contains(f.Name, StringComparer.Ordinal))
            .ToDictionary(f => f.Name, f => Trimmed(f.List!), StringComparer.Ordinal);
        if (lists.Values.FirstOrDefault(list => list.Length > 1) is { } several)
            return several;
        foreach (var name in names)
        {
            if (said.FirstOrDefault(s => s.Key == name).Value?.Trim() is not { Length: > 0 } text)
                continue;
            if (lists.TryGetValue(name, out var list) && list.Length == 0)
                continue;
            if (list is [var only])
                return [only];
            if (fields.Any(f => f.Name == name && f.IsObject))
                throw new ImportRowException(
                    "caption is no text",
                    $"{name} in {key}.json is an object or a list of other things than texts; name another field with --caption"
                );
            return isLineEach ? Trimmed(text.Split('\n')) : [text];
        }

        return [];
    }

    private static string[] Trimmed(IEnumerable<string> texts) => [.. texts.Select(text => text.Trim()).Where(text => text.Length > 0)];

    /// <summary>Whether a value has become the caption or would only repeat it.</summary>
    private static bool IsSaid(KeyValuePair<string, string?> value, string[] captionNames, string? caption) =>
        captionNames.Contains(value.Key, StringComparer.Ordinal)
        && (string.IsNullOrWhiteSpace(value.Value) || value.Value.Trim() == caption);

    private static bool IsText(string extension) => extension is "txt" || extension.EndsWith(".txt", StringComparison.Ordinal);

    private static string Text(string key, SampleFile file)
    {
        try
        {
            return Utf8.GetString(file.Content!).TrimStart('\uFEFF').Trim();
        }
        catch (DecoderFallbackException e)
        {
            throw new ImportRowException("text is not UTF-8", $"{key}.{file.Extension}", e);
        }
    }
}

/// <summary>Reads files of a sample from disk.</summary>
internal static class ImageFile
{
    /// <exception cref="ImportRowException">It is not there, cannot be read or is too large.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            if (ImportInput.Resolved(path) is { Exists: true, Length: > SampleFiles.MaxImageBytes and var length })
                throw new ImportRowException(
                    "file too large",
                    $"{path} has {length} bytes, more than the {SampleFiles.MaxImageBytes >> 20} MiB that are accepted"
                );
            RegularFile.Require(path);
            var bytes = File.ReadAllBytes(path);
            return bytes.Length > 0 ? bytes : throw new ImportRowException("file is empty", path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImportRowException("file is missing", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ImportRowException("file cannot be read", $"{path}: {e.Message}", e);
        }
    }
}
