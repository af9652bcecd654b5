using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Loading;

namespace ClipTrain.DataPipeline.Tests.Selection;

/// <summary>Mixtures of selected corpora, one with other column names.</summary>
public sealed class SelectedMixtureTests : IDisposable
{
    private const int Large = 300,
        Small = 131;

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _large,
        _small;

    public SelectedMixtureTests()
    {
        var paths = TestCorpus.Write(_folder, rowGroupRows: 7, 200, Large - 200, Small);
        var renamed = TestCorpus.WriteSql(
            _folder,
            "renamed.parquet",
            $"SELECT image AS jpg, text AS alt, label, [label, 'more ' || label] AS recap FROM read_parquet('{paths[2]}')"
        );
        _large = CorpusManifest.Create([.. paths.Take(2)], new CorpusColumns { EveryCaption = true });
        _small = CorpusManifest.Create([renamed], new CorpusColumns { Captions = ["alt", "recap"], EveryCaption = true });
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_part_has_the_rows_that_are_selected_of_its_corpus_and_smaller_shares_of_it_are_nested()
    {
        long[][]? larger = null;
        foreach (var subset in new[] { 1, 0.6, 0.3, 0.1 })
        {
            var rules = Rules(subset);
            var mixture = Mix(rules);
            var parts = Parts(mixture);

            Assert.Equal([Rows(CorpusSelector.Select(_large, rules)), Rows(CorpusSelector.Select(_small, rules))], parts);
            Assert.All(parts.SelectMany(rows => rows), row => Assert.NotEqual(2, row % 5));
            Assert.Equal(parts.Select(rows => rows.Length), mixture.RowGroupRowsByPart().Select(rows => rows.Sum()));
            Assert.Equal(mixture.RowGroupRows, mixture.RowGroupRowsByPart().SelectMany(rows => rows));
            Assert.Equal(parts.Sum(rows => rows.Length), mixture.SampleCount);
            foreach (var (smaller, whole) in parts.Zip(larger ?? parts))
            {
                Assert.Empty(smaller.Except(whole));
            }

            larger = parts;
        }
    }

    [Fact]
    public void The_manifest_carries_the_selection_and_its_hash_covers_it()
    {
        var (whole, selected) = (Mix(rules: null), Mix(Rules(0.5)));
        selected.Save(_folder.File("manifest.json"));
        var loaded = CorpusManifest.Load(_folder.File("manifest.json"));

        Assert.Null(whole.DifferenceTo(selected));
        Assert.NotEqual(whole.Hash, selected.Hash, StringComparer.Ordinal);
        Assert.NotEqual(Mix(Rules(0.4)).Hash, selected.Hash, StringComparer.Ordinal);
        Assert.Equal(selected.Hash, loaded.Hash);
        Assert.Equal(Parts(selected), Parts(loaded));
        Assert.Equal(selected.Hash, whole.With(loaded.Selection).Hash);
        Assert.Equal(Parts(selected), Parts(whole.With(loaded.Selection)));
        Assert.Equal(
            ["large: filter label <> 'label 2'", "large: subset 0.5", "small: filter label <> 'label 2'", "small: subset 0.5"],
            loaded.Selection!.Steps.Select(step => step.Rule),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void A_corpus_of_which_all_is_selected_is_mixed_with_one_of_which_some_is()
    {
        var mixture = CorpusManifest.Mix([("large", _large), ("small", CorpusSelector.Select(_small, Rules(0.5)))]);

        Assert.Equal([Rows(_large), Rows(CorpusSelector.Select(_small, Rules(0.5)))], Parts(mixture));
    }

    [Theory]
    [InlineData(CaptionMode.First, 3)]
    [InlineData(CaptionMode.Random, 2)]
    [InlineData(CaptionMode.All, 3)]
    public void Batches_are_of_selected_rows_with_captions_of_their_corpus_whatever_the_workers_and_after_resuming(
        CaptionMode mode,
        int worldSize
    )
    {
        var mixture = Mix(Rules(0.6));
        using var one = Loader(mixture, mode);
        var expected = LoadedBatch.Take(one, 60);
        foreach (var firstStep in new[] { 0, 17 })
        {
            var workers = Enumerable.Range(0, worldSize).Select(rank => Loader(mixture, mode, rank, worldSize, firstStep)).ToArray();
            foreach (var batch in expected.Skip(firstStep))
            {
                LoadedBatch.AssertEqual(batch, LoadedBatch.Concat([.. workers.Select(worker => LoadedBatch.Take(worker))]));
            }

            foreach (var worker in workers)
            {
                worker.Dispose();
            }
        }

        var selected = Rows(mixture);
        var read = expected.SelectMany(b => b.Samples.Zip(b.Images, b.Captions)).ToArray();
        Assert.All(read, pair => Assert.Equal(selected[pair.First.Index], (long)pair.Second[0]));
        var words = read.ToLookup(pair => pair.Second[0] < Large, pair => pair.Third.Split(' ')[0]);
        Assert.Equal(["caption"], words[true].Distinct(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(
            mode == CaptionMode.First ? ["caption"] : ["caption", "label", "more"],
            words[false].Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
            StringComparer.Ordinal
        );
    }

    private static SelectionOptions Rules(double subset) =>
        new()
        {
            Filter = "label <> 'label 2'",
            Subset = subset,
            Seed = 3,
        };

    private CorpusManifest Mix(SelectionOptions? rules) =>
        CorpusManifest.Mix([("large", Selected(_large, rules)), ("small", Selected(_small, rules))]);

    private static CorpusManifest Selected(CorpusManifest corpus, SelectionOptions? rules) =>
        rules is null ? corpus : CorpusSelector.Select(corpus, rules);

    /// <summary>The numbers in the captions of all samples.</summary>
    private static long[] Rows(CorpusManifest manifest)
    {
        using var reader = new CorpusReader(manifest);
        return [.. reader.ReadRows(0, (int)manifest.SampleCount).Select(sample => long.Parse(sample.Caption!.Split(' ')[1]))];
    }

    private static long[][] Parts(CorpusManifest mixture) =>
        [
            [.. Rows(mixture).TakeWhile(row => row < Large)],
            [.. Rows(mixture).SkipWhile(row => row < Large)],
        ];

    private static TrainingLoader Loader(CorpusManifest mixture, CaptionMode mode, int rank = 0, int worldSize = 1, int firstStep = 0) =>
        new(
            mixture,
            new SampleOrder([.. mixture.RowGroupRowsByPart().Select((rows, part) => new CorpusShare(rows, part + 1))], 5, 6, 8),
            new FakeTokenizer(),
            () => new FakeTransform(),
            new TrainingLoaderOptions
            {
                Rank = rank,
                WorldSize = worldSize,
                Threads = worldSize,
                FirstStep = firstStep,
                LastStep = 1000,
                Seed = 5,
                CaptionMode = mode,
            }
        );
}
