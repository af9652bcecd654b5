using ClipTrain.DataPipeline.Corpus;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Processing;

namespace ClipTrain.Bench.Verdicts;

/// <summary>Corpora that load slowly, made of the demo corpus' images, one Parquet file each.</summary>
internal sealed class Corpora(string source, string folder)
{
    private const int Rows = 512,
        Pictures = 16;

    private readonly List<(byte[] Image, string Caption)> _rows = Read(source);

    /// <summary>Images of a size that is usual for files from the web.</summary>
    public string Large() => Write("large", Enlarged(1000));

    /// <summary>Images as cameras make them.</summary>
    public string Huge() => Write("huge", Enlarged(3000));

    /// <summary>Captions of 100 kB.</summary>
    public string LongCaptions() =>
        Write(
            "long-captions",
            _rows.Select(row => (row.Image, string.Concat(Enumerable.Repeat(row.Caption + " ", 100_000 / (row.Caption.Length + 1)))))
        );

    /// <summary>Captions of some sixty tokens.</summary>
    public string FullCaptions() =>
        Write("full-captions", _rows.Select(row => (row.Image, string.Concat(Enumerable.Repeat(row.Caption + " ", 15)))));

    private IEnumerable<(byte[] Image, string Caption)> Enlarged(int side)
    {
        byte[][] images = [.. _rows.Take(Pictures).Select(row => Enlarge(row.Image, side))];
        return _rows.Select((row, i) => (images[i % Pictures], row.Caption));
    }

    private static byte[] Enlarge(byte[] encoded, int side)
    {
        using var image = Image.Load(encoded);
        image.Mutate(picture => picture.Resize(side, side));
        using var stream = new MemoryStream();
        image.Save(stream, new JpegEncoder { Quality = 90 });
        return stream.ToArray();
    }

    private static List<(byte[] Image, string Caption)> Read(string source)
    {
        var manifest = CorpusManifest.Create([source]);
        using var reader = new CorpusReader(manifest);
        return [.. reader.ReadRows(0, Rows).Select(row => (row.Image.ToArray(), row.Caption ?? ""))];
    }

    private string Write(string name, IEnumerable<(byte[] Image, string Caption)> rows)
    {
        var path = Path.Combine(folder, name + ".parquet");
        using var writer = new CorpusWriter(path, rowGroupRows: 64);
        foreach (var (image, caption) in rows)
        {
            writer.Add(image, caption);
        }

        writer.Complete();
        return path;
    }
}
