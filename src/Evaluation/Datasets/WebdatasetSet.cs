using System.Globalization;
using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Tar;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>
/// CLIP_benchmark's layout: one folder per split with numbered tar archives of images with .cls (class number) or .txt (captions, one
/// per line), and classnames.txt and zeroshot_classification_templates.txt beside the splits.
/// </summary>
internal sealed class WebdatasetSet : IImageSet
{
    private readonly IReadOnlyList<string> _shards;

    public WebdatasetSet(SetOptions set, string root)
    {
        if (set.Attributes.Count > 0 || set.GroupColumn is not null || set.GroupBy is not null)
        {
            throw SetError.Of(set.Name, "tar archives have no columns for attributes, group_column or group_by.");
        }

        _shards = Shards(root, set.Split);
        if (_shards.Count == 0)
        {
            throw SetError.Of(set.Name, $"{root} has no {set.Split}/*.tar; set split to one of its folders.");
        }

        var top = File.Exists(Path.Combine(root, "classnames.txt")) ? root : Path.GetDirectoryName(Path.GetFullPath(root)) ?? root;
        ClassNames = Lines(Path.Combine(top, "classnames.txt"));
        Templates = Lines(Path.Combine(top, "zeroshot_classification_templates.txt"));
        HasCaptions =
            Path.Combine(top, "dataset_type.txt") is var type
            && File.Exists(type)
            && File.ReadAllText(type).Contains("retrieval", StringComparison.OrdinalIgnoreCase);
    }

    public IReadOnlyList<string> ClassNames { get; }

    public IReadOnlyList<string> Templates { get; }

    public IEnumerable<string> Files => _shards;

    public long? Count => null;

    public bool HasCaptions { get; }

    public bool HasLabels => !HasCaptions;

    /// <summary>The archives of a split, in numeric order. The folder itself may be the split.</summary>
    public static IReadOnlyList<string> Shards(string root, string split)
    {
        var inner = Path.Combine(root, split);
        var folder = Directory.Exists(inner) ? inner : root;
        return Directory.Exists(folder)
            ?
            [
                .. Directory
                    .GetFiles(folder, "*.tar")
                    .OrderBy(file =>
                        int.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                            ? n
                            : int.MaxValue
                    )
                    .ThenBy(file => file, StringComparer.Ordinal),
            ]
            : [];
    }

    public IEnumerable<SetRow> Rows()
    {
        foreach (var shard in _shards)
        {
            using var tar = new TarReader(shard);
            string? name = null;
            var files = new Dictionary<string, byte[]>(StringComparer.OrdinalIgnoreCase);
            while (Next(tar, shard) is { } member)
            {
                var dot = member.Name.LastIndexOf('/') is var slash ? member.Name.IndexOf('.', slash + 1) : -1;
                var stem = dot < 0 ? member.Name : member.Name[..dot];
                if (name is not null && stem != name && Row(shard, name, files) is { } row)
                {
                    yield return row;
                }

                if (stem != name)
                {
                    files.Clear();
                }

                name = stem;
                files[dot < 0 ? "" : member.Name[(dot + 1)..]] = member.Content;
            }

            if (name is not null && Row(shard, name, files) is { } last)
            {
                yield return last;
            }
        }
    }

    private static (string Name, byte[] Content)? Next(TarReader tar, string shard)
    {
        try
        {
            return tar.Next() is { } header ? (header.Name, tar.Read(header)) : null;
        }
        catch (ImportRowException e)
        {
            throw new CorpusException($"{shard}: {e.Message}", e);
        }
    }

    private static SetRow? Row(string shard, string name, Dictionary<string, byte[]> files)
    {
        var image = files.FirstOrDefault(file => SampleFiles.IsImage(file.Key.Split('.')[^1].ToLowerInvariant())).Value;
        if (image is null)
        {
            return null;
        }

        string? Text(string extension) => files.TryGetValue(extension, out var bytes) ? Encoding.UTF8.GetString(bytes).Trim() : null;
        return new SetRow(
            $"{shard}:{name}",
            image,
            Text("cls"),
            [.. (Text("txt") ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
            null,
            []
        );
    }

    private static string[] Lines(string file) =>
        File.Exists(file) ? [.. File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0)] : [];
}
