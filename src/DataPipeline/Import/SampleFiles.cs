using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>A file of a sample.</summary>
/// <param name="Extension">Lower case, without the leading dot but with inner dots: <c>jpg</c>, <c>input.jpg</c>.</param>
/// <param name="Content">Its bytes; null if it is too large.</param>
internal readonly record struct SampleFile(string Extension, byte[]? Content);

/// <summary>
/// The files of a sample, with one name and several extensions, and the row they form: an image, a text or a JSON field as caption,
/// <c>cls</c> as label, and the JSON's other fields and further texts as additional values.
/// </summary>
internal static class SampleFiles
{
    /// <summary>Largest accepted image file: several must fit into memory.</summary>
    public const int MaxImageBytes = 64 << 20;

    private const int MaxTextBytes = 4 << 20;

    /// <summary>Extensions of decodable images.</summary>
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

    /// <summary>True for the extension of an image.</summary>
    public static bool IsImage(string extension) => ImageExtensions.Contains(extension, StringComparer.Ordinal);

    /// <summary>Largest accepted size of a file with this extension; 0 if the file is not part of a row.</summary>
    public static int Accepted(string extension, string? caption)
    {
        if (IsImage(extension))
        {
            return MaxImageBytes;
        }

        return extension is "json" or "cls" || extension == caption || IsText(extension) ? MaxTextBytes : 0;
    }

    /// <summary>The row that the files form.</summary>
    /// <param name="key">The sample's name: a path without extension.</param>
    /// <param name="files">Its files.</param>
    /// <param name="caption">Extension or JSON field that holds the caption; null for <c>txt</c>, else the field caption or text.</param>
    /// <param name="isLineEach">True if each line of a text is a caption.</param>
    /// <exception cref="ImportRowException">The image is missing, the caption is not text, or a file is damaged.</exception>
    public static ImportRow ToRow(string key, IReadOnlyList<SampleFile> files, string? caption, bool isLineEach)
    {
        if (files.GroupBy(f => f.Extension, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ImportRowException("duplicate file", $"{key}.{twice.Key}");
        }

        if (files.FirstOrDefault(f => f.Content is null) is { Extension: { } large })
        {
            throw new ImportRowException("file too large", $"{key}.{large} has more than {Accepted(large, caption) >> 20} MiB");
        }

        var image = files.FirstOrDefault(f => IsImage(f.Extension));
        if (image.Content is null)
        {
            throw new ImportRowException(
                "no image",
                files.Count == 0 ? key : $"{key} has {string.Join(", ", files.Select(f => f.Extension))}"
            );
        }

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

    /// <summary>The captions: a list of several takes precedence; otherwise the first text in the order of the names.</summary>
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
        {
            return several;
        }

        foreach (var name in names)
        {
            if (said.FirstOrDefault(s => s.Key == name).Value?.Trim() is not { Length: > 0 } text)
            {
                continue;
            }

            if (lists.TryGetValue(name, out var list) && list.Length == 0)
            {
                continue;
            }

            if (list is [var only])
            {
                return [only];
            }

            if (fields.Any(f => f.Name == name && f.IsObject))
            {
                throw new ImportRowException(
                    "caption is not text",
                    $"{name} in {key}.json is an object or a list of something other than texts; name another field with --caption"
                );
            }

            return isLineEach ? Trimmed(text.Split('\n')) : [text];
        }

        return [];
    }

    private static string[] Trimmed(IEnumerable<string> texts) => [.. texts.Select(text => text.Trim()).Where(text => text.Length > 0)];

    /// <summary>True if a value has become the caption or would only repeat it.</summary>
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
    /// <summary>The bytes of the image that a table names.</summary>
    /// <param name="root">Folder that the table's paths are relative to.</param>
    /// <param name="name">The path in the table.</param>
    /// <exception cref="ImportRowException">The path is a URL, or its file cannot be used.</exception>
    public static byte[] ReadNamed(string root, string name) =>
        name.Contains("://", StringComparison.Ordinal)
            ? throw new ImportRowException("image is a URL", $"{name}; download images first, for example with img2dataset")
            : Read(Path.Combine(root, name));

    /// <summary>The file's bytes.</summary>
    /// <exception cref="ImportRowException">The file is missing, cannot be read, is empty or is too large.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            if (ImportInput.Resolved(path) is { Exists: true, Length: > SampleFiles.MaxImageBytes and var length })
            {
                throw new ImportRowException(
                    "file too large",
                    $"{path} has {length} bytes, more than the limit of {SampleFiles.MaxImageBytes >> 20} MiB"
                );
            }

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
