using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Json;

/// <summary>
/// JSON lines: one object per line with the path of an image and its caption or captions; other fields are kept. Also the metadata.jsonl
/// of Hugging Face's imagefolder.
/// </summary>
public sealed class JsonLinesSource : SampleFileSource
{
    /// <summary>Table of Hugging Face's imagefolder, in the folder of the images, and its field with their paths.</summary>
    public const string MetadataFile = "metadata.jsonl",
        MetadataImageField = "file_name";

    private const int MaxLineBytes = 4 << 20;

    private static readonly string[] s_usualFields =
    [
        MetadataImageField,
        "image",
        "image_path",
        "filepath",
        "file_path",
        "path",
        "filename",
    ];

    private readonly string? _imageField;
    private readonly string? _root;

    /// <param name="paths">Files, or folders of them.</param>
    /// <param name="imageField">Field with the image's path; null for the first of the usual names that an object has.</param>
    /// <param name="caption">Field with the caption; null for the usual ones.</param>
    /// <param name="root">Folder that paths are relative to; null for the file's folder.</param>
    /// <exception cref="CorpusException">A file is missing.</exception>
    public JsonLinesSource(IReadOnlyList<string> paths, string? imageField = null, string? caption = null, string? root = null)
        : base("jsonl", caption, isLineEach: false)
    {
        (_imageField, _root) = (imageField, root);
        Inputs = InputFiles.Expand(paths, ".jsonl", ".ndjson");
        Arguments = new Dictionary<string, string>(base.Arguments, StringComparer.Ordinal)
        {
            ["--image-field"] = imageField ?? "",
            ["--root"] = root is null ? "" : Path.GetFullPath(root),
        };
    }

    public override IReadOnlyDictionary<string, string> Arguments { get; }

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IEnumerable<PendingRow> Read(int input)
    {
        var path = Inputs[input].Path;
        var root = _root ?? Path.GetDirectoryName(path)!;
        using var stream = InputFiles.Open(path);
        foreach (var (number, end, json) in Lines(stream, path))
        {
            yield return new PendingRow($"{path}:{number}", end, json.Length, () => ToRow(json, root));
        }
    }

    private ImportRow ToRow(byte[] json, string root)
    {
        var fields = JsonFields.Read(json);
        var names = _imageField is null ? s_usualFields : [_imageField];
        var field =
            names.Select(name => fields.Find(f => f.Name == name && !string.IsNullOrWhiteSpace(f.Text))).FirstOrDefault(f => f is not null)
            ?? throw new ImportRowException(
                "no image",
                $"the object has none of the fields {string.Join(", ", names)}; name the field of the path with --image-field"
            );
        var name = field.Text!.Trim().Replace('\\', '/');
        var extension = Path.GetExtension(name);
        var row = SampleFiles.ToRow(
            name[..^extension.Length],
            [new SampleFile(extension.TrimStart('.').ToLowerInvariant(), ImageFile.ReadNamed(root, name)), new SampleFile("json", json)],
            Caption,
            isLineEach: false
        );
        return row with { Path = name, Extra = [.. row.Extra.Where(value => value.Key != field.Name)] };
    }

    /// <summary>The lines that are not blank: number from 1, position of the end in the file, bytes.</summary>
    private static IEnumerable<(long Number, long End, byte[] Json)> Lines(Stream stream, string path)
    {
        var buffer = new byte[1 << 16];
        var line = new MemoryStream();
        long number = 1,
            end = 0;
        while (true)
        {
            var read = stream.Read(buffer);
            var start = 0;
            while (start < read)
            {
                var length = Array.IndexOf(buffer, (byte)'\n', start, read - start) is >= 0 and var at ? at - start : read - start;
                line.Write(buffer, start, length);
                if (line.Length > MaxLineBytes)
                {
                    throw new CorpusException(
                        $"{path}:{number}: a line has more than {MaxLineBytes >> 20} MiB; is this a file of JSON lines?"
                    );
                }

                start += length;
                end += length;
                if (start == read)
                {
                    break;
                }

                start++;
                end++;
                if (Taken(line) is { } json)
                {
                    yield return (number, end, json);
                }

                number++;
            }

            if (read == 0)
            {
                break;
            }
        }

        if (Taken(line) is { } last)
        {
            yield return (number, end, last);
        }
    }

    /// <summary>The line's bytes, which leave the buffer; null if it is blank.</summary>
    private static byte[]? Taken(MemoryStream line)
    {
        var bytes = line.ToArray();
        line.SetLength(0);
        return Array.TrueForAll(bytes, b => b is (byte)' ' or (byte)'\t' or (byte)'\r') ? null : bytes;
    }
}
