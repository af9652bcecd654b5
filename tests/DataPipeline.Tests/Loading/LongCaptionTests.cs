using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class LongCaptionTests : IDisposable
{
    private const int Samples = 24,
        Context = 16,
        Room = Context - 2;
    private const string Long = "one two three four five six seven eight nine ten eleven twelve red green blue black white brown gold pink";

    private static readonly BpeTokenizer Tokenizer = BpeTokenizer.OpenAi(Context);

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;
    private readonly string _whole;

    public LongCaptionTests()
    {
        var path = _folder.File("long.parquet");
        using (var writer = new CorpusWriter(path, 8))
        {
            for (var i = 0; i < Samples; i++)
            {
                writer.Add(TestCorpus.Image(i), Long);
            }

            writer.Complete();
        }

        _manifest = CorpusManifest.Create([path]);
        var tokens = new long[40];
        var end = BpeTokenizer.OpenAi(40).Encode(Long, tokens);
        _whole = string.Concat(tokens[1..end].Select(t => (char)t));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Cut_takes_the_beginning() =>
        Assert.All(Take(LongCaptions.Cut, steps: 6), batch => Assert.All(batch.Captions, caption => Assert.Equal(0, WindowOf(caption))));

    [Fact]
    public void Window_takes_adjacent_tokens_from_everywhere_and_others_in_the_next_epoch()
    {
        var places = Take(LongCaptions.Window, steps: 12)
            .SelectMany(b => b.Samples.Zip(b.Captions, (sample, caption) => (sample, Place: WindowOf(caption))))
            .ToDictionary(p => p.sample, p => p.Place);
        Assert.Equal(4 * Samples, places.Count);
        Assert.Equal(Enumerable.Range(0, _whole.Length - Room + 1), places.Values.Distinct().Order());
        Assert.Contains(places, p => places.TryGetValue(p.Key with { Epoch = p.Key.Epoch + 1 }, out var next) && next != p.Value);
    }

    [Fact]
    public void Windows_are_the_same_for_any_threads_and_workers_and_after_resuming()
    {
        var expected = Take(LongCaptions.Window, steps: 6);
        foreach (var (i, batch) in Take(LongCaptions.Window, steps: 6, threads: 3).Index())
        {
            LoadedBatch.AssertEqual(expected[i], batch);
        }

        foreach (var (i, batch) in Take(LongCaptions.Window, steps: 2, firstStep: 4).Index())
        {
            LoadedBatch.AssertEqual(expected[4 + i], batch);
        }

        var workers = Enumerable.Range(0, 2).Select(rank => Take(LongCaptions.Window, steps: 6, rank: rank, worldSize: 2)).ToArray();
        for (var i = 0; i < 6; i++)
        {
            LoadedBatch.AssertEqual(expected[i], LoadedBatch.Concat([.. workers.Select(w => w[i])]));
        }
    }

    [Theory]
    [InlineData(LongCaptions.Cut)]
    [InlineData(LongCaptions.Window)]
    public void Captions_that_are_too_long_are_counted(LongCaptions captions)
    {
        var path = _folder.File("mixed.parquet");
        using (var writer = new CorpusWriter(path, 8))
        {
            for (var i = 0; i < 8; i++)
            {
                writer.Add(i == 7 ? [] : TestCorpus.Image(i), i % 2 == 0 ? "short" : Long);
            }

            writer.Complete();
        }

        var manifest = CorpusManifest.Create([path]);
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, 5, 2, 8),
            Tokenizer,
            () => new FakeTransform(),
            new TrainingLoaderOptions
            {
                Seed = 5,
                LongCaptions = captions,
                MaxBadShare = 1,
            }
        );
        using var batch = loader.Take();

        // Of four long ones one has no image.
        Assert.Equal((7, 3), (batch.Count, batch.TruncatedCaptions));
    }

    private LoadedBatch[] Take(LongCaptions captions, int steps, int threads = 1, int rank = 0, int worldSize = 1, long firstStep = 0)
    {
        var options = new TrainingLoaderOptions
        {
            Seed = 5,
            LongCaptions = captions,
            Threads = threads,
            Rank = rank,
            WorldSize = worldSize,
            FirstStep = firstStep,
        };
        using var loader = new TrainingLoader(
            _manifest,
            new SampleOrder(_manifest.RowGroupRows, 5, 2, 8),
            Tokenizer,
            () => new FakeTransform(),
            options
        );
        return LoadedBatch.Take(loader, steps);
    }

    /// <summary>Place in the caption of the tokens between start and end.</summary>
    private int WindowOf(string tokens)
    {
        Assert.Equal((Context, (char)Tokenizer.StartOfText, (char)Tokenizer.EndOfText), (tokens.Length, tokens[0], tokens[^1]));
        var place = _whole.IndexOf(tokens[1..^1], StringComparison.Ordinal);
        Assert.InRange(place, 0, _whole.Length - Room);
        return place;
    }
}
