using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed unsafe class DuplicateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_files_that_are_the_same_the_first_is_kept_across_groups_and_files()
    {
        // Image i mod 7 of rows 0 to 29, and rows without any.
        var a = Write("a.parquet", [.. Enumerable.Range(0, 20).Select(i => i % 10 == 9 ? [] : TestCorpus.Image(i % 7))]);
        var b = Write("b.parquet", [TestCorpus.Image(3), TestCorpus.Image(100), TestCorpus.Image(100)]);

        var selected = CorpusSelector.Select(CorpusManifest.Create([a, b]), new SelectionOptions { Deduplicate = Deduplication.Exact });

        Assert.Equal(
            [$"{a}:0", $"{a}:1", $"{a}:2", $"{a}:3", $"{a}:4", $"{a}:5", $"{a}:6", $"{a}:9", $"{a}:19", $"{b}:1"],
            Keys(selected),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void Images_that_look_the_same_are_found_whatever_their_size_and_quality_and_others_are_kept()
    {
        var pictures = Enumerable.Range(0, 40).Select(i => (Seed: i, Original: Picture(i, 192, 160, 90))).ToArray();
        var a = Write("a.parquet", [.. pictures.Select(p => p.Original)]);
        var b = Write(
            "b.parquet",
            [.. pictures.Select(p => p.Seed % 2 == 0 ? Picture(p.Seed, 96, 80, 80) : Picture(p.Seed + 1000, 96, 80, 80)), [1, 2, 3]]
        );

        var selected = CorpusSelector.Select(
            CorpusManifest.Create([a, b]),
            new SelectionOptions { Deduplicate = Deduplication.Perceptual }
        );

        Assert.Equal(
            [.. Enumerable.Range(0, 40).Select(i => $"{a}:{i}"), .. Enumerable.Range(0, 20).Select(i => $"{b}:{(2 * i) + 1}"), $"{b}:40"],
            Keys(selected),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void The_hash_ignores_brightness_and_contrast_and_sees_what_is_where()
    {
        var random = new Random(3);
        var image = Enumerable.Range(0, PerceptualHash.Side * PerceptualHash.Side).Select(_ => random.NextSingle()).ToArray();
        var hash = PerceptualHash.Of(image);

        Assert.InRange(System.Numerics.BitOperations.PopCount(hash ^ PerceptualHash.Of([.. image.Select(v => (0.5f * v) + 20)])), 0, 1);
        Assert.InRange(System.Numerics.BitOperations.PopCount(hash), 31, 33);
        Assert.InRange(System.Numerics.BitOperations.PopCount(hash ^ PerceptualHash.Of([.. image.Reverse()])), 16, 48);
    }

    private static string[] Keys(CorpusManifest manifest) =>
        [.. Enumerable.Range(0, (int)manifest.SampleCount).Select(i => manifest.Key(i))];

    private string Write(string name, byte[][] images)
    {
        var path = _folder.File(name);
        using var writer = new CorpusWriter(path, rowGroupRows: 7);
        foreach (var image in images)
        {
            writer.Add(image, "a caption");
        }

        writer.Complete();
        return path;
    }

    /// <summary>A few soft blobs of light at places drawn from the seed.</summary>
    private static byte[] Picture(int seed, int width, int height, int quality)
    {
        var random = new Random(seed);
        var blobs = Enumerable
            .Range(0, 8)
            .Select(_ => (X: random.NextDouble(), Y: random.NextDouble(), Light: (random.NextDouble() * 200) - 100))
            .ToArray();
        using var pixels = new PixelBuffer();
        pixels.Resize(width, height);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var value =
                    128
                    + blobs.Sum(b =>
                        b.Light * Math.Exp(-40 * (Math.Pow(((x + 0.5) / width) - b.X, 2) + Math.Pow(((y + 0.5) / height) - b.Y, 2)))
                    );
                new Span<byte>(pixels.Pixels + (y * pixels.Stride) + (x * PixelBuffer.BytesPerPixel), PixelBuffer.BytesPerPixel).Fill(
                    (byte)Math.Clamp(value, 0, 255)
                );
            }
        }

        return JpegEncoder.Encode(pixels, quality);
    }
}
