using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Report;
using ClipTrain.Evaluation.Suites;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace ClipTrain.Evaluation.Tests;

/// <summary>Searches with a model for crops of test images in a corpus.</summary>
public sealed class OverlapTests : IDisposable
{
    private const int Images = 9;

    private readonly SetFolder _folder = new();
    private readonly ColourModel _model = new() { HasTexts = false };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_model_finds_the_crops_that_the_hash_misses()
    {
        var byHash = Assert.Single(Run(Search()).Overlaps);
        var byModel = Assert.Single(Run(Search() with { Model = "colours", Similarity = 0.999 }).Overlaps);
        Assert.Equal(0, Share(byHash));
        // Images 0, 2, 4 … have a crop in the corpus, in this order behind pictures of another colour.
        Assert.Equal(5.0 / Images, Share(byModel), 1e-12);
        Assert.All(
            byModel.Nearest.Where(byModel.IsOverlap),
            pair => Assert.Equal((pair.Image % 2, 1 + (pair.Image / 2)), (0, pair.Sample))
        );
        Assert.Equal(Images, byModel.Sheet.Count);
    }

    [Fact]
    public void The_corpus_is_embedded_once_and_found_in_the_cache()
    {
        var suite = Suite(Search() with { Model = "colours", Similarity = 0.999 }) with { Cache = _folder.Place("cache"), Batch = 2 };
        var first = Assert.Single(Run(suite).Overlaps);
        var embedded = _model.Embedded;
        var second = Assert.Single(Run(suite).Overlaps);
        Assert.Equal(embedded, _model.Embedded);
        Assert.Equal(first.Nearest, second.Nearest);
    }

    [Fact]
    public void Searches_for_the_same_set_have_results_of_different_names()
    {
        var suite = Suite(Search());
        suite = suite with { Overlaps = [Search(), Search() with { Name = "network", Model = "colours", Similarity = 0.999 }] };
        var result = Run(suite);
        Assert.Equal(
            ["overlap", "overlap network"],
            result.Rows.Where(row => row.Metric == "overlap_share").Select(row => row.Task),
            StringComparer.Ordinal
        );
        Assert.Equal(result.Rows.Count, result.Rows.DistinctBy(row => (row.Set, row.Task, row.Metric)).Count());
        ReportPage.Write(_folder.Place("report.html"), result);
        Assert.Contains("set: network", File.ReadAllText(_folder.Place("report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void Searches_for_the_same_set_that_cannot_be_told_apart_are_refused()
    {
        Refused("two searches for the images of 'set' have no name", Search(), Search() with { Threshold = 3 });
        Refused("two searches for the images of 'set' are named 'a'", Search() with { Name = "a" }, Search() with { Name = "a" });
        Refused("overlaps.name is empty", Search() with { Name = "" });
    }

    [Fact]
    public void Images_without_labels_and_captions_are_searched_for()
    {
        var path = _folder.Place("bare.csv");
        File.WriteAllBytes(_folder.Place("picture.png"), Bytes(Picture(0)));
        File.WriteAllText(path, "image\npicture.png\n");
        var suite = new SuiteOptions
        {
            Sets = [new SetOptions { Name = "set", Data = [path] }],
            Overlaps = [Search() with { Model = "colours" }],
            Cache = null,
        };
        SuiteRun.Check(suite, new DefaultColumns());
        Assert.Empty(SuiteRun.Measured(suite, new DefaultColumns(), SuiteScope.All, hasTexts: true));
        Assert.Equal(1, Share(Assert.Single(Run(suite).Overlaps)));
        Assert.Throws<CorpusException>(() => SuiteRun.Check(suite with { Overlaps = [] }, new DefaultColumns()));
    }

    [Fact]
    public void A_model_without_texts_is_enough_for_a_search_of_labelled_images()
    {
        var labelled = _folder.Parquet("labelled.parquet", 6, i => SetFolder.Colours[i % 3]);
        var suite = new SuiteOptions
        {
            Sets = [new SetOptions { Name = "set", Data = [labelled] }],
            Overlaps = [Search()],
            Cache = null,
        };
        var (scope, columns) = (SuiteScope.OverlapOf(suite), new DefaultColumns());
        Assert.Empty(SuiteRun.Measured(suite, columns, scope, hasTexts: false));
        Assert.Equal(["set"], SuiteRun.Measured(suite, columns, scope, hasTexts: true).Select(set => set.Name), StringComparer.Ordinal);
        var result = Run(suite, scope);
        Assert.Equal(["overlap_share"], result.Rows.Select(row => row.Metric), StringComparer.Ordinal);
        ReportPage.Write(_folder.Place("report.html"), result);
        Assert.DoesNotContain("0 sets", File.ReadAllText(_folder.Place("report.html")), StringComparison.Ordinal);
        Assert.DoesNotContain("<h2>Sets</h2>", File.ReadAllText(_folder.Place("report.html")), StringComparison.Ordinal);
        Assert.Contains(
            "embeds no texts",
            Assert.Throws<CorpusException>(() => Run(suite, SuiteScope.All)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_report_shows_cosines()
    {
        var result = Run(Search() with { Model = "colours", Similarity = 0.999 });
        ReportPage.Write(_folder.Place("report.html"), result);
        var page = File.ReadAllText(_folder.Place("report.html"));
        Assert.Contains("embeddings of colours with cosine 0.999 or more", page, StringComparison.Ordinal);
        Assert.Contains("overlaps.similarity", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_non_finite_embedding_of_the_corpus_names_its_row() =>
        Assert.Contains(
            "corpus.parquet:0",
            Assert
                .Throws<CorpusException>(() =>
                    new CorpusEmbeddings(
                        new ColourModel { GivesNaN = true },
                        CorpusManifest.Create([Corpus()], captionRequired: false),
                        cache: null,
                        batch: 4
                    )
                        .Blocks((_, _) => { })
                        .ToList()
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void Options_of_the_other_measure_and_thresholds_out_of_range_are_refused()
    {
        Refused("with overlaps.model, set overlaps.similarity", Search() with { Model = "colours", Threshold = 3 });
        Refused("overlaps.similarity needs overlaps.model", Search() with { Similarity = 0.9 });
        Refused("overlaps.threshold is 65; it must be between 0 and 64 bits", Search() with { Threshold = 65 });
        foreach (var cosine in new[] { 1.5, 2, -1, double.NaN })
        {
            Refused(
                string.Create(CultureInfo.InvariantCulture, $"overlaps.similarity is {cosine}; it must be above -1 and at most 1"),
                Search() with
                {
                    Model = "colours",
                    Similarity = cosine,
                }
            );
        }

        Refused("overlaps.model is empty", Search() with { Model = "" });
    }

    private static double Share(OverlapResult result) => result.Rows.First(row => row.Metric == "overlap_share").Value;

    private static void Refused(string reason, params OverlapOptions[] searches) =>
        Assert.Contains(
            reason,
            Assert
                .Single(
                    SuiteCheck.Problems(new SuiteOptions { Sets = [new SetOptions { Name = "set", Data = ["x"] }], Overlaps = searches })
                )
                .Message,
            StringComparison.Ordinal
        );

    private OverlapOptions Search() => new() { Set = "set", Corpus = [Corpus()] };

    private SuiteOptions Suite(OverlapOptions search)
    {
        var path = _folder.Place("set.parquet");
        using (var writer = new CorpusWriter(path))
        {
            for (var i = 0; i < Images; i++)
            {
                writer.Add(Bytes(Picture(i)), "a caption");
            }

            writer.Complete();
        }

        return new SuiteOptions
        {
            Sets = [new SetOptions { Name = "set", Data = [path] }],
            Overlaps = [search],
            Cache = null,
        };
    }

    private SuiteResult Run(OverlapOptions search) => Run(Suite(search));

    private SuiteResult Run(SuiteOptions suite) =>
        Run(suite, new SuiteScope { Overlap = true, Sets = new HashSet<string>(StringComparer.Ordinal) });

    private SuiteResult Run(SuiteOptions suite, SuiteScope scope)
    {
        var run = new SuiteRun(_model, suite, new DefaultColumns(), new FeatureCache(suite.Cache), new Silent())
        {
            Detectors = new Dictionary<string, IEvaluatedModel>(StringComparer.Ordinal) { ["colours"] = _model },
        };
        return run.Run(scope);
    }

    /// <summary>A picture of another colour than the set's, then the left halves of every second one of the set.</summary>
    private string Corpus()
    {
        var path = _folder.Place("corpus.parquet");
        using var writer = new CorpusWriter(path);
        using var grey = new Image<Rgb24>(16, 16, new Rgb24(120, 120, 120));
        writer.Add(Bytes(grey), "grey");
        for (var i = 0; i < Images; i += 2)
        {
            using var crop = Picture(i);
            crop.Mutate(on => on.Crop(new Rectangle(0, 0, 16, 16)));
            writer.Add(Bytes(crop), "a crop");
        }

        writer.Complete();
        return path;
    }

    /// <summary>A colour of its own in a checked pattern whose cells grow to the right, so that a half has other frequencies.</summary>
    private static Image<Rgb24> Picture(int number)
    {
        var (angle, picture) = (number * 2 * Math.PI / Images, new Image<Rgb24>(32, 16));
        var colour = new Rgb24(Level(angle), Level(angle + (2 * Math.PI / 3)), Level(angle + (4 * Math.PI / 3)));
        var dark = new Rgb24((byte)(colour.R / 2), (byte)(colour.G / 2), (byte)(colour.B / 2));
        for (var y = 0; y < 16; y++)
        {
            for (var x = 0; x < 32; x++)
            {
                var cell =
                    x < 8 ? 2
                    : x < 16 ? 4
                    : 8;
                picture[x, y] = ((x / cell) + (y / cell)) % 2 == 0 ? colour : dark;
            }
        }

        return picture;

        static byte Level(double angle) => (byte)(140 + (110 * Math.Cos(angle)));
    }

    private static byte[] Bytes(Image<Rgb24> picture)
    {
        using var bytes = new MemoryStream();
        picture.SaveAsPng(bytes);
        return bytes.ToArray();
    }

    private sealed class Silent : ISuiteObserver
    {
        public void Embedded(string set, long done, long? total) { }

        public void Cached(string set, int images) { }

        public void LeftOut(string set, string key, string reason) { }

        public void Begins(string set, SetTask task) { }
    }
}
