using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class BalanceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_query_draws_its_cap_and_rare_ones_keep_all_to_five_standard_deviations()
    {
        const int Pairs = 100_000,
            Cap = 1000;
        string[] queries = ["head", "middle", "tail", "absent"];
        // Query q occurs in every period-th pair, apart from the others.
        int[] QueriesOf(int pair) =>
            pair % 1000 == 0 ? [2]
            : pair % 20 == 1 ? [1]
            : pair % 2 == 1 ? [0]
            : [];
        var balance = new QueryBalance(queries, Cap);
        for (var pair = 0; pair < Pairs; pair++)
        {
            balance.Count(QueriesOf(pair));
        }

        var kept = Enumerable.Range(0, Pairs).Where(pair => balance.Keeps(StableHash.Combine(3, (ulong)pair), QueriesOf(pair))).ToArray();

        Assert.Equal([45_000, 5000, 100, 0], balance.Counts);
        Assert.Equal(100, kept.Count(pair => QueriesOf(pair) is [2]));
        Assert.DoesNotContain(kept, pair => QueriesOf(pair).Length == 0);
        foreach (var query in new[] { 0, 1 })
        {
            var share = (double)Cap / balance.Counts[query];
            Assert.InRange(
                Math.Abs(kept.Count(pair => QueriesOf(pair) is [var q] && q == query) - Cap),
                0,
                5 * Math.Sqrt(Cap * (1 - share))
            );
        }
    }

    [Fact]
    public void A_pair_of_several_queries_is_drawn_once_for_each()
    {
        const int Pairs = 50_000;
        var balance = new QueryBalance(["a", "b"], Pairs / 10);
        for (var pair = 0; pair < Pairs; pair++)
        {
            balance.Count([0, 1]);
        }

        var kept = Enumerable.Range(0, Pairs).Count(pair => balance.Keeps(StableHash.Combine(3, (ulong)pair), [0, 1]));

        // 1 - 0.9².
        Assert.InRange(kept / (double)Pairs, 0.18, 0.20);
    }

    [Fact]
    public void A_corpus_is_balanced_alike_wherever_it_lies_and_by_seed()
    {
        using var other = new TemporaryFolder();
        CorpusManifest Corpus(TemporaryFolder folder) =>
            CorpusManifest.Create([
                TestCorpus.WriteSql(
                    folder,
                    "a.parquet",
                    "SELECT 'x'::BLOB AS image, CASE WHEN i % 100 = 0 THEN 'a unicorn ' WHEN i % 3 = 0 THEN 'nothing ' ELSE 'The CAT ' "
                        + "END || i AS text FROM range(6000) t(i)"
                ),
            ]);
        var options = new SelectionOptions
        {
            Queries = ["cat", "unicorn"],
            QueryCap = 200,
            Seed = 1,
        };
        static int[] Numbers(CorpusManifest manifest)
        {
            using var reader = new CorpusReader(manifest);
            return [.. reader.ReadRows(0, (int)manifest.SampleCount).Select(s => int.Parse(s.Caption!.Split(' ')[^1]))];
        }

        var selected = CorpusSelector.Select(Corpus(_folder), options);
        var numbers = Numbers(selected);

        Assert.Equal(Enumerable.Range(0, 60).Select(i => i * 100), numbers.Where(i => i % 100 == 0));
        Assert.DoesNotContain(numbers, i => i % 3 == 0 && i % 100 != 0);
        Assert.InRange(numbers.Length - 60, 130, 270);
        Assert.Equal(selected.Hash, CorpusSelector.Select(Corpus(other), options).Hash);
        Assert.NotEqual(selected.Hash, CorpusSelector.Select(Corpus(other), options with { Seed = 2 }).Hash, StringComparer.Ordinal);
        Assert.StartsWith(
            "balance over 2 queries, 200 each",
            Assert.Single(selected.Selection!.Steps).ToString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Balancing_without_captions_is_refused()
    {
        var manifest = CorpusManifest.Create(
            [TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image")],
            captionRequired: false
        );

        Assert.Contains(
            "data.caption_column",
            Assert.Throws<CorpusException>(() => CorpusSelector.Select(manifest, new SelectionOptions { Queries = ["a"] })).Message,
            StringComparison.Ordinal
        );
    }
}
