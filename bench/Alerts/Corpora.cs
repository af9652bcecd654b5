using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Bench.Alerts;

/// <summary>Copies of a corpus that are broken on purpose, one Parquet file each.</summary>
internal sealed class Corpora(string source, string folder)
{
    private readonly List<(byte[] Image, string? Caption)> _rows = Read(source);

    /// <summary>Every image with the caption of another.</summary>
    public string Shuffled()
    {
        string?[] captions = [.. _rows.Select(row => row.Caption)];
        new Random(1).Shuffle(captions);
        return Write("shuffled", _rows.Select((row, i) => (row.Image, captions[i])));
    }

    /// <summary>One caption for all images.</summary>
    public string OneCaption() => Write("one-caption", _rows.Select(row => (row.Image, (string?)"a picture")));

    /// <summary>One image for all captions.</summary>
    public string OneImage() => Write("one-image", _rows.Select(row => (_rows[0].Image, row.Caption)));

    /// <summary>Every fifth image damaged.</summary>
    public string Damaged() => Write("damaged", _rows.Select((row, i) => (i % 5 == 0 ? row.Image[..20] : row.Image, row.Caption)));

    private static List<(byte[] Image, string? Caption)> Read(string source)
    {
        var manifest = CorpusManifest.Create([source]);
        using var reader = new CorpusReader(manifest);
        return [.. reader.ReadRows(0, (int)manifest.SampleCount).Select(row => (row.Image.ToArray(), row.Caption))];
    }

    private string Write(string name, IEnumerable<(byte[] Image, string? Caption)> rows)
    {
        var path = Path.Combine(folder, name + ".parquet");
        using var writer = new CorpusWriter(path);
        foreach (var (image, caption) in rows)
        {
            writer.Add(image, caption);
        }

        writer.Complete();
        return path;
    }
}
