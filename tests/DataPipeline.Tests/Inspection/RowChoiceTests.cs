using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class RowChoiceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(54)]
    [InlineData(55)]
    [InlineData(1000)]
    public void So_many_different_rows_are_drawn(int count)
    {
        var manifest = TestCorpus.Create(_folder, 10, 35, 20);

        var choice = RowChoice.Sample(manifest, count, seed: 3);

        Assert.Equal(Math.Min(count, 55), choice.Count);
        Assert.Equal(choice.Count, choice.RowGroups.Sum(group => group.Rows!.Count(row => row)));
        Assert.Equal(choice.RowGroups.Select(group => group.RowGroup).Order(), choice.RowGroups.Select(group => group.RowGroup));
    }

    [Fact]
    public void A_seed_draws_the_same_rows_again_and_another_seed_others()
    {
        var manifest = TestCorpus.Create(_folder, 10, 35, 20);

        Assert.Equal(Drawn(3), Drawn(3));
        Assert.NotEqual(Drawn(3), Drawn(4));

        long[] Drawn(ulong seed) => [.. Rows(manifest, RowChoice.Sample(manifest, 9, seed))];
    }

    [Fact]
    public void Every_row_is_drawn_equally_often()
    {
        var manifest = TestCorpus.Create(_folder, 10, 35, 20);
        var counts = new int[55];

        for (ulong seed = 0; seed < 2000; seed++)
        {
            foreach (var row in Rows(manifest, RowChoice.Sample(manifest, 11, seed)))
            {
                counts[row]++;
            }
        }

        // Binomial: 400 of 2,000 each, with a standard deviation of 18.
        Assert.All(counts, count => Assert.InRange(count, 310, 490));
    }

    [Fact]
    public void A_sample_of_a_large_corpus_reads_few_groups()
    {
        var manifest = TestCorpus.Create(_folder, 1, 400);

        var choice = RowChoice.Sample(manifest, 300, seed: 1);

        Assert.Equal((RowChoice.MaxSampledRowGroups, RowChoice.MaxSampledRowGroups), ((int)choice.Count, choice.RowGroups.Count));
    }

    private static IEnumerable<long> Rows(DataPipeline.Corpus.CorpusManifest manifest, RowChoice choice) =>
        choice.RowGroups.SelectMany(group =>
            group.Rows!.Index().Where(row => row.Item).Select(row => manifest.RowGroups[group.RowGroup].FirstIndex + row.Index)
        );
}
