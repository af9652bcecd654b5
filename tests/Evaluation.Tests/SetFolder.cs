using System.Formats.Tar;
using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace ClipTrain.Evaluation.Tests;

/// <summary>A temporary folder with sets of red, green and blue pictures in any layout.</summary>
internal sealed class SetFolder : IDisposable
{
    public static readonly string[] Colours = ["red", "green", "blue"];

    public string Path { get; } = Directory.CreateTempSubdirectory("cliptrain-sets-").FullName;

    public string Place(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A PNG of one colour; the number makes each another file.</summary>
    public static byte[] Png(int colour, int number = 0)
    {
        using var image = new Image<Rgb24>(
            12,
            10,
            new Rgb24(
                (byte)(colour == 0 ? 250 - number : number),
                (byte)(colour == 1 ? 250 - number : 0),
                (byte)(colour == 2 ? 250 - number : 0)
            )
        );
        using var bytes = new MemoryStream();
        image.SaveAsPng(bytes);
        return bytes.ToArray();
    }

    /// <summary>Rows in turn red, green, blue, with columns image, text, label and vendor.</summary>
    public string Parquet(string name, int rows, Func<int, string?> label, string? metadata = null, Func<int, string?>? vendor = null)
    {
        var path = Place(name);
        using var file = new ParquetFileWriter(
            path,
            [
                new OutputColumn("image", IsText: false),
                new OutputColumn("text", IsText: true),
                new OutputColumn("label", IsText: true),
                new OutputColumn("vendor", IsText: true),
            ],
            metadata is null ? [] : [KeyValuePair.Create("huggingface", metadata)]
        );
        for (var i = 0; i < rows; i++)
        {
            file.Add(0, Png(i % 3, i / 3));
            file.AddText(1, $"something {Colours[i % 3]}");
            file.AddText(2, label(i));
            file.AddText(3, vendor?.Invoke(i) ?? (i % 2 == 0 ? "even" : "odd"));
            file.EndRow();
        }

        file.Complete();
        return path;
    }

    public string Folders(string name, params string[] classes)
    {
        foreach (var (colour, folder) in classes.Index().Select(entry => (entry.Index, entry.Item)))
        {
            Directory.CreateDirectory(System.IO.Path.Combine(Place(name), folder));
            for (var i = 0; i < 4; i++)
            {
                File.WriteAllBytes(System.IO.Path.Combine(Place(name), folder, $"{i}.png"), Png(colour, i));
            }
        }

        return Place(name);
    }

    public string Csv(string name, string text)
    {
        for (var colour = 0; colour < 3; colour++)
        {
            File.WriteAllBytes(Place($"{Colours[colour]}.png"), Png(colour));
        }

        File.WriteAllText(Place(name), text);
        return Place(name);
    }

    /// <summary>CLIP_benchmark's layout with two archives.</summary>
    public string Webdataset(string name)
    {
        var split = Directory.CreateDirectory(System.IO.Path.Combine(Place(name), "test")).FullName;
        for (var shard = 0; shard < 2; shard++)
        {
            using var tar = new TarWriter(File.Create(System.IO.Path.Combine(split, $"{shard}.tar")), TarEntryFormat.Ustar);
            for (var i = 0; i < 6; i++)
            {
                Add(tar, $"s{i}.png", Png(i % 3, i + shard));
                Add(tar, $"s{i}.cls", Encoding.UTF8.GetBytes($"{i % 3}"));
            }
        }

        File.WriteAllText(System.IO.Path.Combine(split, "nshards.txt"), "2");
        File.WriteAllText(System.IO.Path.Combine(Place(name), "classnames.txt"), "red\ngreen\nblue\n");
        File.WriteAllText(System.IO.Path.Combine(Place(name), "zeroshot_classification_templates.txt"), "a {c} picture\n");
        return Place(name);

        static void Add(TarWriter tar, string file, byte[] content) =>
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, file) { DataStream = new MemoryStream(content) });
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
