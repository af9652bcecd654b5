using ClipTrain.Cli.Commands;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.EndToEnd.Tests;

public sealed class ImportTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Fact]
    public void An_imported_corpus_trains_and_survives_export_and_reimport_unchanged()
    {
        Directory.CreateDirectory(_corpus.PathOf("images"));
        for (var i = 0; i < 40; i++)
        {
            File.WriteAllBytes(_corpus.PathOf("images", $"{i:D2}.jpg"), TinyCorpus.Picture(i));
            File.WriteAllText(_corpus.PathOf("images", $"{i:D2}.txt"), TinyCorpus.Caption(i));
        }

        File.WriteAllText(_corpus.PathOf("images", "40.jpg"), "no image");
        File.WriteAllText(_corpus.PathOf("images", "40.txt"), "a caption");

        AssertRuns(
            0,
            ["data", "import", "folder", "images", "-o", "imported", "--shard-size", "15"],
            "40.jpg: image cannot be decoded",
            "import-report.json"
        );
        AssertRuns(0, ["train", _corpus.RunFile, "--set", "data.train=[imported]", "--set", "evaluation={}", "--set", "training.steps=3"]);
        AssertRuns(0, ["data", "export", "tar", "imported", "-o", "shards", "--shard-size", "20"], "40 samples in 2 shards");
        AssertRuns(0, ["data", "import", "tar", "shards", "-o", "again", "--shard-size", "15"]);
        for (var shard = 0; shard < 3; shard++)
        {
            Assert.Equal(
                File.ReadAllBytes(_corpus.PathOf("imported", $"{shard:D6}.parquet")),
                File.ReadAllBytes(_corpus.PathOf("again", $"{shard:D6}.parquet"))
            );
        }
    }

    [Fact]
    public void A_folder_with_a_metadata_table_is_imported_by_its_file_names()
    {
        foreach (var folder in new[] { "set", "other" })
        {
            Directory.CreateDirectory(_corpus.PathOf(folder, "deep"));
            File.WriteAllBytes(_corpus.PathOf(folder, "deep", "a.jpg"), TinyCorpus.Picture(1));
        }

        File.WriteAllText(_corpus.PathOf("set", "metadata.csv"), "path,file_name,text,title\nx,deep/a.jpg,short,a longer one\n");

        AssertRuns(0, ["data", "import", "folder", "set", "-o", "imported"]);
        AssertRuns(0, ["data", "import", "folder", "set", "-o", "chosen", "--caption", "title"]);
        Assert.Equal(["short"], CorpusCaptions.Read(CorpusManifest.Create([_corpus.PathOf("imported")])), StringComparer.Ordinal);
        Assert.Equal(["a longer one"], CorpusCaptions.Read(CorpusManifest.Create([_corpus.PathOf("chosen")])), StringComparer.Ordinal);
        AssertRuns(2, ["data", "import", "folder", "set", "other", "-o", "both"], "import folders of both kinds separately");

        File.WriteAllText(_corpus.PathOf("set", "metadata.jsonl"), """{"file_name": "deep/a.jpg", "text": "a line of JSON"}""");
        AssertRuns(2, ["data", "import", "folder", "set", "-o", "two"], "beside another table of captions");
        File.Delete(_corpus.PathOf("set", "metadata.csv"));
        AssertRuns(0, ["data", "import", "folder", "set", "-o", "lines"]);
        AssertRuns(0, ["data", "import", "jsonl", "set/metadata.jsonl", "-o", "same"]);
        foreach (var corpus in new[] { "lines", "same" })
        {
            Assert.Equal(["a line of JSON"], CorpusCaptions.Read(CorpusManifest.Create([_corpus.PathOf(corpus)])), StringComparer.Ordinal);
        }
    }

    [Fact]
    public void A_table_and_folders_of_classes_are_imported()
    {
        Directory.CreateDirectory(_corpus.PathOf("classes", "red_square"));
        File.WriteAllBytes(_corpus.PathOf("classes", "red_square", "a.jpg"), TinyCorpus.Picture(1));
        File.WriteAllText(_corpus.PathOf("pairs.tsv"), "a caption\tclasses/red_square/a.jpg\n");

        AssertRuns(
            0,
            [
                "data",
                "import",
                "csv",
                "pairs.tsv",
                "-o",
                "table",
                "--no-header",
                "--image-column",
                "2",
                "--caption-column",
                "1",
                "--verify",
                "decode",
            ]
        );
        AssertRuns(0, ["data", "import", "classes", "classes", "-o", "labelled", "--template", "a {}"]);

        Assert.Equal(
            ["a red square", "a caption"],
            CorpusCaptions.Read(CorpusManifest.Create([_corpus.PathOf("labelled"), _corpus.PathOf("table")])),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void Failures_have_their_documented_exit_codes()
    {
        File.WriteAllText(_corpus.PathOf("gone.csv"), "image,caption\ngone.jpg,a\ngone2.jpg,b\n");
        File.WriteAllText(_corpus.PathOf("open.csv"), "image,caption\na.jpg,\"b\n");

        AssertRuns(4, ["data", "import", "csv", "gone.csv", "-o", "none"], "Nothing could be imported", "gone.csv:2: file is missing");
        AssertRuns(
            2,
            ["data", "import", "csv", "gone.csv", "-o", "none", "--shard-size", "5"],
            "--shard-size 10000, but --shard-size is now 5"
        );
        AssertRuns(4, ["data", "import", "csv", "gone.csv", "-o", "few", "--max-failures", "1"], "gone.csv:3", "--max-failures");
        AssertRuns(4, ["data", "import", "csv", "open.csv", "-o", "open"], "open.csv:2", "never closed");
        AssertRuns(2, ["data", "import", "csv", "open.csv", "-o", "open", "--delimiter", "xx"], "--delimiter");
        AssertRuns(2, ["data", "import", "csv", "open.csv", "-o", "open", "--verify", "never"], "--verify");
    }

    [Fact]
    public void Rate_and_remaining_time_count_only_the_work_since_an_import_continued() =>
        Assert.Equal(
            "1,500 pairs, 3 failed, 50 a second, 0:20 left",
            ImportRate.Describe(new ImportFigures(1500, 3, 0.5), new ImportFigures(1000, 0, 0.25), seconds: 10)
        );

    [Fact]
    public void Progress_is_shown_at_most_once_per_interval()
    {
        var clock = new Clock();
        var shown = new List<(int Second, string Text)>();
        var show = new ImportRate(clock).Every(TimeSpan.FromSeconds(10), (_, text) => shown.Add(((int)clock.Seconds, text)));

        for (; clock.Seconds < 25; clock.Seconds++)
        {
            show(new ImportFigures((long)clock.Seconds * 7, 0, clock.Seconds / 100));
        }

        Assert.Equal([(10, "70 pairs, 7 a second, 1:30 left"), (20, "140 pairs, 7 a second, 1:20 left")], shown);
    }

    public void Dispose() => _corpus.Dispose();

    private void AssertRuns(int expectedExit, string[] arguments, params string[] texts)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(expectedExit == exit, $"exit code {exit}\n{output}");
        Assert.All(texts, part => Assert.Contains(part, output, StringComparison.Ordinal));
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * 1000);
    }
}
