using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>A corpus of 260 made-up concepts from six vendors, built once for all tests of the class.</summary>
public sealed class DemoCorpusTests(DemoCorpusTests.Built built) : IClassFixture<DemoCorpusTests.Built>
{
    private const string Training = DemoCorpus.TrainFile,
        Vendor = DemoCorpus.HeldOutVendorFile,
        Concepts = DemoCorpus.HeldOutConceptsFile;

    [Fact]
    public void Held_out_concepts_are_in_no_other_split()
    {
        var heldOut = Captions(Concepts).Distinct(StringComparer.Ordinal).ToArray();
        Assert.Equal(200, heldOut.Length);
        Assert.Empty(Captions(Training).Intersect(heldOut, StringComparer.Ordinal));
        Assert.Empty(Captions(Vendor).Intersect(heldOut, StringComparer.Ordinal));
    }

    [Fact]
    public void The_held_out_vendor_is_not_trained_on_and_its_split_has_one_row_a_trained_concept()
    {
        Assert.DoesNotContain("fluent-emoji", Column(Training, "vendor"), StringComparer.Ordinal);
        Assert.All(Column(Vendor, "vendor"), v => Assert.Equal("fluent-emoji", v));
        Assert.Equal(
            Captions(Training).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
            Captions(Vendor).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void Every_vendor_has_its_drawings_of_the_held_out_concepts() =>
        Assert.All(
            FakeEmojiPackages.Vendors,
            v => Assert.Equal(200, Column(Concepts, "vendor").Count(x => string.Equals(x, v, StringComparison.Ordinal)))
        );

    [Fact]
    public void A_folder_without_licences_or_validation_concepts_is_not_a_whole_corpus_of_this_version()
    {
        var concepts = Path.Combine(DemoCorpus.ValidationFolder, DemoCorpus.ValidationConceptsFile);
        using var folder = new TemporaryFolder();
        Assert.True(DemoCorpus.IsIn(built.Folder));
        Assert.False(DemoCorpus.IsIn(folder.Path));
        Directory.CreateDirectory(Path.Combine(folder.Path, DemoCorpus.ValidationFolder));
        foreach (var file in new[] { DemoCorpus.LicensesFile, concepts })
        {
            File.Copy(Path.Combine(built.Folder, file), Path.Combine(folder.Path, file));
            Assert.Equal(file == concepts, DemoCorpus.IsIn(folder.Path));
        }
    }

    [Fact]
    public void A_corpus_of_an_earlier_version_whose_rebuilding_stops_is_not_whole()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(DemoCorpus.LicensesFile), "licences");
        var last = built.Reports.Max(report => report.ImagesDone);
        Assert.Throws<AggregateException>(() => DemoCorpus.Build(built.Packages.Root, folder.Path, new Stop(last)));
        Assert.True(File.Exists(folder.File(Path.Combine(DemoCorpus.ValidationFolder, DemoCorpus.ValidationConceptsFile))));
        Assert.False(DemoCorpus.IsIn(folder.Path));
    }

    [Fact]
    public void The_training_drawings_are_there_again_by_vendor_and_those_of_a_ninth_of_the_concepts_apart()
    {
        var rows = Captions(Training).Zip(Column(Training, "vendor"), Column(Training, "validation")).ToArray();
        Assert.Equal(
            rows.Where(row => row.Third == "yes").Select(row => row.First),
            Captions(Path.Combine(DemoCorpus.ValidationFolder, DemoCorpus.ValidationConceptsFile)),
            StringComparer.Ordinal
        );
        Assert.All(
            rows.Select(row => row.Second).Distinct(StringComparer.Ordinal),
            vendor =>
                Assert.Equal(
                    rows.Where(row => row.Second == vendor && row.Third == "no").Select(row => row.First),
                    Captions(Path.Combine(DemoCorpus.ValidationFolder, $"{vendor}.parquet")),
                    StringComparer.Ordinal
                )
        );
        var concepts = rows.GroupBy(row => row.First, row => row.Third, StringComparer.Ordinal).ToArray();
        Assert.All(concepts, concept => Assert.Single(concept.Distinct(StringComparer.Ordinal)));
        Assert.Equal(concepts.Length / 9, concepts.Count(concept => concept.First() == "yes"));
    }

    [Fact]
    public void The_label_is_the_category_or_null()
    {
        var labels = Captions(Vendor).Zip(Column(Vendor, "label")).ToArray();
        Assert.NotEmpty(labels);
        Assert.All(labels, row => Assert.Equal(int.Parse(row.First![^3..]) % 2 == 0 ? "Even" : null, row.Second));
    }

    [Fact]
    public void Keywords_are_words_that_the_name_lacks_or_null()
    {
        var keywords = Captions(Vendor).Zip(Column(Vendor, "keywords")).ToArray();
        Assert.NotEmpty(keywords);
        Assert.All(keywords, row => Assert.Equal(int.Parse(row.First![^3..]) % 3 == 0 ? "found by me" : null, row.Second));
    }

    [Fact]
    public void Images_are_drawings_of_96_pixels_on_white()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        using var reader = new CorpusReader(CorpusManifest.Create([Path.Combine(built.Folder, Vendor)]));
        decoder.Decode(reader.ReadRows(0, 1).Single().Image.Span, image);
        var pixels = Pixels.ToRgb(image);
        Assert.Equal((96, 96), (image.Width, image.Height));
        Assert.All(pixels[..3], v => Assert.InRange(v, 250, 255));
        Assert.Contains(pixels, v => v < 240);
    }

    [Fact]
    public void The_vocabulary_is_learned_from_the_training_captions()
    {
        var tokenizer = BpeTokenizer.FromMerges(Path.Combine(built.Folder, DemoCorpus.MergesFile), 16);
        var tokens = new long[16];
        Assert.InRange(tokenizer.Encode("concept", tokens), 2, 2);
    }

    [Fact]
    public void Each_vendors_author_and_licence_are_named()
    {
        var text = File.ReadAllText(Path.Combine(built.Folder, DemoCorpus.LicensesFile));
        Assert.All(FakeEmojiPackages.Vendors, v => Assert.Contains("Author of " + v, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Building_again_gives_the_same_bytes()
    {
        var again = Directory.CreateTempSubdirectory("cliptrain-demo-").FullName;
        try
        {
            DemoCorpus.Build(built.Packages.Root, again);
            var files = Directory
                .GetFiles(built.Folder, "*", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(built.Folder, f))
                .ToArray();
            Assert.Equal(11, files.Length);
            Assert.All(
                files,
                f =>
                    Assert.True(
                        File.ReadAllBytes(Path.Combine(built.Folder, f)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(again, f))),
                        f
                    )
            );
        }
        finally
        {
            Directory.Delete(again, recursive: true);
        }
    }

    [Fact]
    public void Progress_ends_when_every_image_is_done()
    {
        var last = built.Reports.MaxBy(r => r.ImagesDone);
        Assert.Equal(last.Images, last.ImagesDone);
        Assert.Equal(last.Images, built.Reports.Count);
    }

    private IEnumerable<string?> Captions(string file) => Column(file, "text");

    private List<string?> Column(string file, string column) =>
        [.. TestCorpus.Query($"SELECT {column} FROM {Sql.ReadParquet(Path.Combine(built.Folder, file))}", 1).Select(row => row[0])];

    /// <summary>Stops a build when a number of images is drawn.</summary>
    private sealed class Stop(int images) : IProgress<DemoProgress>
    {
        public void Report(DemoProgress value)
        {
            if (value.ImagesDone == images)
            {
                throw new InvalidOperationException("The build is stopped.");
            }
        }
    }

    public sealed class Built : IDisposable, IProgress<DemoProgress>
    {
        public Built()
        {
            Packages.AddAll([.. Enumerable.Range(0, 260).Select(i => $"concept-{i:000}")]);
            DemoCorpus.Build(Packages.Root, Folder, this);
        }

        internal FakeEmojiPackages Packages { get; } = new();

        public string Folder { get; } = Directory.CreateTempSubdirectory("cliptrain-demo-").FullName;

        public System.Collections.Concurrent.ConcurrentBag<DemoProgress> Reports { get; } = [];

        public void Report(DemoProgress value) => Reports.Add(value);

        public void Dispose()
        {
            Packages.Dispose();
            Directory.Delete(Folder, recursive: true);
        }
    }
}
