using System.Xml;
using System.Xml.Linq;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.EndToEnd.Tests;

public sealed class DataToolsTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public DataToolsTests() =>
        _corpus.Write(
            "broken.parquet",
            20,
            i =>
                i == 3 ? [1, 2, 3]
                : i == 17 ? TinyCorpus.Picture(i)[..^40]
                : TinyCorpus.Picture(i),
            i => i == 5 ? null : TinyCorpus.Caption(i)
        );

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Statistics_are_written_as_a_page_and_printed_as_tables()
    {
        AssertRuns(
            0,
            ["data", "stats", "train.parquet", "broken.parquet", "--out", "pages/stats.html"],
            "all 116 rows of 2 files",
            "no caption",
            "script: Latin"
        );

        var page = Page("pages/stats.html");
        Assert.Equal(8, page.Descendants("svg").Count());
        Assert.Contains("26 × 21", page.Value, StringComparison.Ordinal);
        Assert.Contains("0 images missing, 1 unreadable, 1 captions missing", page.Value, StringComparison.Ordinal);
        Assert.DoesNotContain(page.DescendantsAndSelf().Attributes(), a => a.Value.Contains("http", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_file_supplies_corpus_and_model()
    {
        AssertRuns(0, ["data", "stats", "run.yaml", "--sample", "40"], "40 rows, drawn from the 96 of 1 file", "caption over 10 tokens");
        AssertRuns(0, ["data", "verify", "run.yaml"], "All 96 decoded rows");
        AssertRuns(2, ["data", "stats", "run.yaml", "train.parquet"], "run.yaml is a run file; give it alone");
    }

    [Fact]
    public void Broken_rows_are_listed_and_counted_and_set_the_exit_code()
    {
        AssertRuns(
            4,
            ["data", "verify", "*.parquet", "--list", "broken.tsv"],
            "broken.parquet:3 ",
            "broken.parquet:5 the caption is empty",
            "broken.parquet:17 JPEG",
            "3 of 116 rows are broken (2.6%)"
        );
        AssertRuns(0, ["data", "verify", "train.parquet", "--sample", "10"], "All 10 decoded rows");
        AssertRuns(4, ["data", "verify", "none.parquet"], "none.parquet does not exist");
        AssertRuns(2, ["data", "verify", "train.parquet", "--sample", "0"], "--sample is 0");

        var lines = File.ReadAllLines(_corpus.PathOf("broken.tsv"));
        Assert.Equal(4, lines.Length);
        Assert.Equal($"{_corpus.PathOf("broken.parquet")}:5\t1\tthe caption is empty", lines[2]);
    }

    [Fact]
    public void A_contact_sheet_shows_the_same_samples_for_the_same_seed()
    {
        AssertRuns(0, ["data", "view", "run.yaml", "--sample", "6", "--crops", "3", "--out", "a.html"], "6 samples are in a.html");
        AssertRuns(0, ["data", "view", "run.yaml", "--sample", "6", "--crops", "3", "--out", "b.html"]);
        AssertRuns(0, ["data", "view", "run.yaml", "--sample", "6", "--crops", "3", "--seed", "9", "--out", "c.html"]);
        AssertRuns(0, ["data", "view", "broken.parquet", "--sample", "20", "--out", "d.html"]);
        AssertRuns(2, ["data", "view", "run.yaml", "--crops", "-1"], "--crops is -1");

        Assert.Equal(File.ReadAllText(_corpus.PathOf("a.html")), File.ReadAllText(_corpus.PathOf("b.html")));
        Assert.NotEqual(File.ReadAllText(_corpus.PathOf("a.html")), File.ReadAllText(_corpus.PathOf("c.html")), StringComparer.Ordinal);
        var page = Page("a.html");
        Assert.Equal((6, 24), (page.Descendants("section").Count(), page.Descendants("img").Count()));
        Assert.All(
            page.Descendants("img"),
            image => Assert.StartsWith("data:image/jpeg;base64,/9j/", image.Attribute("src")!.Value, StringComparison.Ordinal)
        );
        Assert.Contains("no caption", Page("d.html").Value, StringComparison.Ordinal);
    }

    [Fact]
    public void The_loader_benchmark_prints_rates_and_advice()
    {
        AssertRuns(0, ["train", "run.yaml", "--set", "evaluation={}"]);
        AssertRuns(
            0,
            ["bench", "data", "run.yaml", "--seconds", "0.5", "--metrics", "runs/tiny/metrics.jsonl"],
            "decode",
            "tokenize",
            "assemble",
            "consumer",
            "One of 2 workers loads ",
            "images a second",
            "in batches of 5",
            "images a second per worker"
        );
        AssertRuns(2, ["bench", "data", "run.yaml", "--metrics", "none.jsonl"], "--metrics none.jsonl cannot be read");
        AssertRuns(2, ["bench", "data", "run.yaml", "--seconds", "0"], "--seconds is 0");
    }

    [Fact]
    public void A_runs_metrics_count_truncated_captions_and_describe_the_loader()
    {
        AssertRuns(0, ["train", "run.yaml", "--set", "evaluation={}", "--set", "model.text.context=8"]);

        var steps = MetricsFile.Read(_corpus.PathOf("runs", "tiny", "metrics.jsonl")).ToList();

        // "a red square number 3" is more than six tokens to this vocabulary.
        Assert.All(steps, step => Assert.Equal(10, step.TruncatedCaptions));
        Assert.Null(steps[0].Loader);
        Assert.All(steps.Skip(1), step => Assert.InRange(step.Loader!.Decode.Busy, 0, 1));
    }

    private XElement Page(string path)
    {
        using var reader = XmlReader.Create(_corpus.PathOf(path), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XElement.Load(reader);
    }

    private void AssertRuns(int expectedExit, string[] arguments, params string[] texts)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(expectedExit == exit, $"exit code {exit}\n{output}");
        Assert.All(texts, part => Assert.Contains(part, output, StringComparison.Ordinal));
    }
}
