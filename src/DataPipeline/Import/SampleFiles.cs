using System.Text;

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

    private static readonly string[] ImageExtensions = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jxl", "svg"];
    private static readonly string[] CaptionFields = ["caption", "text"];
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
    /// <param name="caption">Where the caption is: an extension or a field of the JSON; null for <c>txt</c>, else the field caption or text.</param>
    /// <exception cref="ImportRowException">There is no image, or a file is damaged.</exception>
    public static ImportRow ToRow(string key, IReadOnlyList<SampleFile> files, string? caption)
    {
        if (files.GroupBy(f => f.Extension, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ImportRowException("a file twice", $"{key}.{twice.Key}");
        if (files.FirstOrDefault(f => f.Content is null) is { Extension: { } large })
            throw new ImportRowException("file too large", $"{key}.{large} has more than {Accepted(large, caption) >> 20} MiB");
        var image = files.FirstOrDefault(f => IsImage(f.Extension));
        if (image.Content is null)
            throw new ImportRowException("no image", files.Count == 0 ? key : $"{key} has {string.Join(", ", files.Select(f => f.Extension))}");

        var texts = files.Where(f => IsText(f.Extension) || f.Extension == caption).Select(f => KeyValuePair.Create(f.Extension, (string?)Text(key, f)));
        var fields = files.Where(f => f.Extension == "json").SelectMany(f => JsonFields.Read(f.Content!));
        KeyValuePair<string, string?>[] said = [.. texts, .. fields];
        string[] captionNames = caption is null ? ["txt", .. CaptionFields] : [caption];
        var found = captionNames.Select(name => said.FirstOrDefault(s => s.Key == name).Value?.Trim()).FirstOrDefault(text => !string.IsNullOrEmpty(text));
        var labels = files.Where(f => f.Extension == "cls").Select(f => KeyValuePair.Create("label", (string?)Text(key, f)));
        return new ImportRow($"{key}.{image.Extension}", image.Content, found, [.. labels, .. said.Where(s => !IsSaid(s, captionNames, found))]);
    }

    /// <summary>Whether a value has become the caption or would only repeat it.</summary>
    private static bool IsSaid(KeyValuePair<string, string?> value, string[] captionNames, string? caption) =>
        captionNames.Contains(value.Key, StringComparer.Ordinal) && (string.IsNullOrWhiteSpace(value.Value) || value.Value.Trim() == caption);

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
