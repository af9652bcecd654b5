using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace ClipTrain.DataPipeline.Tests.Loading;

/// <summary>Two views of each image, from a corpus without captions.</summary>
public sealed class TwoViewTests : IDisposable
{
    private const int Size = 8,
        Images = 6,
        Values = 3 * Size * Size;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_views_of_an_image_differ_from_each_other_and_between_epochs()
    {
        var epochs = Views(threads: 1, steps: 2);
        Assert.All(epochs.SelectMany(epoch => epoch.Values), views => Assert.NotEqual(views[..Values], views[Values..]));
        Assert.All(epochs[0].Keys, sample => Assert.NotEqual(epochs[0][sample], epochs[1][sample]));
    }

    [Fact]
    public void The_views_depend_only_on_seed_epoch_and_sample()
    {
        var (once, resumed) = (Views(threads: 1, steps: 3), Views(threads: 3, steps: 3, firstStep: 2));
        Assert.Equal(
            once[2].OrderBy(views => views.Key).Select(views => views.Value),
            resumed[0].OrderBy(views => views.Key).Select(views => views.Value)
        );
    }

    /// <summary>The views of each sample, by step; a step is an epoch.</summary>
    private unsafe List<Dictionary<long, float[]>> Views(int threads, int steps, int firstStep = 0)
    {
        var manifest = CorpusManifest.Create([Corpus()], captionRequired: false);
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, seed: 3, window: 1, globalBatch: Images),
            new FakeTokenizer(),
            () => new TwoViewTransform(new ImageTransformOptions(Size) { MinScale = 0.3 }),
            new TrainingLoaderOptions
            {
                Seed = 3,
                ImagesOnly = true,
                Threads = threads,
                FirstStep = firstStep,
                LastStep = steps,
            }
        );
        var epochs = new List<Dictionary<long, float[]>>();
        for (var step = firstStep; step < steps; step++)
        {
            using var batch = loader.Take();
            Assert.Equal((Images, 0), (batch.Count, batch.BadSamples));
            var values = new ReadOnlySpan<float>((float*)batch.Images, Images * 2 * Values).ToArray();
            epochs.Add(
                batch
                    .Samples.Index()
                    .ToDictionary(entry => entry.Item.Index, entry => values[(entry.Index * 2 * Values)..((entry.Index + 1) * 2 * Values)])
            );
        }

        return epochs;
    }

    private string Corpus()
    {
        var path = _folder.File("images.parquet");
        using var writer = new CorpusWriter(path);
        for (var i = 0; i < Images; i++)
        {
            using var picture = new Image<Rgb24>(20, 16);
            picture.ProcessPixelRows(rows =>
            {
                for (var y = 0; y < rows.Height; y++)
                {
                    for (var x = 0; x < rows.Width; x++)
                    {
                        rows.GetRowSpan(y)[x] = new Rgb24((byte)(x * 12), (byte)(y * 15), (byte)(i * 40));
                    }
                }
            });
            using var bytes = new MemoryStream();
            picture.SaveAsPng(bytes);
            writer.Add(bytes.ToArray(), caption: null);
        }

        writer.Complete();
        return path;
    }
}
