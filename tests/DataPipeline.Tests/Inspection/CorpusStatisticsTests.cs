using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class CorpusStatisticsTests : IDisposable
{
    private static readonly BpeTokenizer Tokenizer = BpeTokenizer.OpenAi(16);

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;

    public CorpusStatisticsTests() => _manifest = CorpusManifest.Create([InspectedCorpus.Write(_folder)]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Everything_is_counted()
    {
        var statistics = Of(RowChoice.All(_manifest));

        Assert.Equal(InspectedCorpus.Rows, statistics.Rows);
        // The header has the size of a JPEG that is truncated after it.
        Assert.Equal((1, 1, 2), (statistics.MissingImages, statistics.UnreadableImages, statistics.MissingCaptions));
        Assert.Equal([(ImageFormat.Jpeg, 63L), (ImageFormat.Png, 3L)], statistics.Formats.Select(f => (f.Key, f.Value)));
        Assert.Equal([("Han", 1L), ("Latin", 65L)], statistics.Scripts.Select(s => (s.Key, s.Value)));
        Assert.Equal((1, 12, 8), (statistics.Width.Quantile(0), statistics.Width.Quantile(1), statistics.Height.Quantile(0.5)));
        Assert.Equal((2, 16), (statistics.TruncatedCaptions, statistics.Tokens.Quantile(1)));
        Assert.Equal(InspectedCorpus.Long.Length, statistics.Characters.Quantile(1));
        Assert.Equal(3, statistics.Characters.Quantile(0));
    }

    [Fact]
    public void Repeats_are_counted_and_named_by_their_first_sample()
    {
        var statistics = Of(RowChoice.All(_manifest));

        // The three PNGs are identical; rows 2 and 3 are repeated at the end.
        var (images, most) = statistics.Images.Count();
        Assert.Equal((4, new Repeat(60, 3)), (images, most[0]));
        Assert.Equal([new Repeat(2, 2), new Repeat(3, 2)], most.Skip(1));
        Assert.Equal((1, new Repeat(61, 2)), (statistics.Captions.Count().Surplus, statistics.Captions.Count().MostRepeated.Single()));
    }

    [Fact]
    public void A_sample_looks_at_its_rows_alone()
    {
        var reported = new List<long>();

        var statistics = CorpusStatistics.Of(_manifest, RowChoice.Sample(_manifest, 20, seed: 1), Tokenizer, reported.Add, default);

        Assert.Equal(20, statistics.Rows);
        Assert.Equal(20, reported[^1]);
    }

    [Fact]
    public void Cancelling_ends_it() =>
        Assert.Throws<OperationCanceledException>(() =>
            CorpusStatistics.Of(_manifest, RowChoice.All(_manifest), Tokenizer, _ => { }, new CancellationToken(canceled: true))
        );

    private CorpusStatistics Of(RowChoice choice) => CorpusStatistics.Of(_manifest, choice, Tokenizer, _ => { }, default);
}
