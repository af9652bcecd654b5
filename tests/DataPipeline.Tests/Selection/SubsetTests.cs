using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class SubsetTests : IDisposable
{
    private const int Rows = 20_000;

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;

    public SubsetTests() =>
        _manifest = CorpusManifest.Create([
            SelectedCorpus.Write(_folder, "a.parquet", Rows / 2),
            SelectedCorpus.Write(_folder, "b.parquet", Rows / 2, Rows / 2),
        ]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_smaller_share_lies_in_a_larger_one()
    {
        var subsets = new[] { 0.001, 0.01, 0.1, 0.3, 0.9 }.Select(share => Selected(share)).ToArray();

        foreach (var (smaller, larger) in subsets.Zip(subsets.Skip(1)))
        {
            Assert.Subset(larger, smaller);
        }
    }

    [Fact]
    public void Shares_are_nested_under_every_other_rule_too()
    {
        var rules = new SelectionOptions
        {
            Filter = "number % 7 > 2",
            Queries = [.. Enumerable.Range(0, 500).Select(i => $"{i}")],
            QueryCap = 1,
        };

        Assert.Subset(Numbers(rules with { Subset = 0.5 }), Numbers(rules with { Subset = 0.2 }));
        Assert.Subset(Numbers(rules), Numbers(rules with { Subset = 0.5 }));
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void A_share_has_its_size_in_each_half_to_five_standard_deviations(double share)
    {
        var selected = Selected(share);
        foreach (var half in new[] { selected.Count(n => n < Rows / 2), selected.Count(n => n >= Rows / 2) })
        {
            Assert.InRange(Math.Abs(half - (share * Rows / 2)), 0, 5 * Math.Sqrt(Rows / 2.0 * share * (1 - share)));
        }
    }

    [Fact]
    public void The_draw_depends_on_the_seed_and_neither_on_the_folder_nor_on_other_files()
    {
        using var other = new TemporaryFolder();
        var moved = CorpusManifest.Create([SelectedCorpus.Write(other, "b.parquet", Rows / 2, Rows / 2)]);

        Assert.Equal(
            Selected(0.2).Where(n => n >= Rows / 2).Order(),
            SelectedCorpus.Numbers(moved, new SelectionOptions { Subset = 0.2, Seed = 1 })
        );
        Assert.NotEqual(Selected(0.2), Selected(0.2, seed: 2));
        // Independent draws share a fifth of a fifth.
        Assert.InRange(Selected(0.2).Intersect(Selected(0.2, seed: 2)).Count() / (0.04 * Rows), 0.8, 1.2);
    }

    private HashSet<int> Selected(double share, ulong seed = 1) => Numbers(new SelectionOptions { Subset = share, Seed = seed });

    private HashSet<int> Numbers(SelectionOptions options) => [.. SelectedCorpus.Numbers(_manifest, options)];
}
