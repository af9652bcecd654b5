namespace ClipTrain.EndToEnd.Tests;

/// <summary><c>eval --suite --workers</c>, on a corpus of which some images are damaged.</summary>
public sealed class SuiteWorkersTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Any_number_of_workers_writes_the_same_features_and_figures()
    {
        Finish(0, "train", _corpus.RunFile, "--set", "evaluation={}", "--set", "cluster.workers=1");
        _corpus.Write("test.parquet", 50, i => i % 7 == 3 ? [1, 2, 3] : TinyCorpus.Picture(i), TinyCorpus.Caption);
        var (alone, told) = Evaluate(1);

        foreach (var workers in new[] { 2, 3 })
        {
            var (together, said) = Evaluate(workers);
            Assert.Equal(alone, together);
            Assert.Equal(Skipped(told), Skipped(said));
        }

        Assert.NotEmpty(Skipped(told));
        Assert.Contains("--workers is 0", Finish(2, "eval", "tiny", "--suite", "suite.yaml", "--workers", "0"), StringComparison.Ordinal);
        Assert.Contains(
            "from 1 to 1024",
            Finish(2, "eval", "tiny", "--suite", "suite.yaml", "--workers", "2000000000"),
            StringComparison.Ordinal
        );
        Assert.Contains("for suites", Finish(2, "eval", "tiny", "--splits", "run.yaml", "--workers", "2"), StringComparison.Ordinal);
        Assert.Contains(
            "cuda",
            Finish(3, "eval", "tiny", "--suite", "suite.yaml", "--workers", "2", "--device", "cuda"),
            StringComparison.Ordinal
        );
    }

    /// <summary>Evaluates with an empty cache. Returns the bytes of the features and results, and the output.</summary>
    private (IReadOnlyList<byte[]> Files, string Output) Evaluate(int workers)
    {
        var folder = $"by-{workers}";
        File.WriteAllText(
            _corpus.PathOf("suite.yaml"),
            $$"""
            batch: 8
            cache: {{folder}}
            sets: [{ name: test, data: [test.parquet], templates: ["a {} square", "{}"] }]
            """
        );
        // One thread a process: with more, the number of threads might change the last bits.
        using var run = ProgramRun.StartBy(
            ["env", "DOTNET_PROCESSOR_COUNT=1"],
            _corpus.Folder,
            "eval",
            "tiny",
            "--suite",
            "suite.yaml",
            "--workers",
            $"{workers}",
            "-o",
            folder
        );
        run.AssertExit(0);
        string[] files = [.. Directory.GetFiles(_corpus.PathOf(folder), "*.features"), _corpus.PathOf(folder, "results.json")];
        Assert.Equal(2, files.Length);
        return (Array.ConvertAll(files, File.ReadAllBytes), run.Output);
    }

    private static string[] Skipped(string output) =>
        [
            .. output
                .Split('\n')
                .Where(line => line.Contains("skipped", StringComparison.Ordinal))
                .Select(line => line[line.IndexOf("test:", StringComparison.Ordinal)..]),
        ];

    private string Finish(int expected, params string[] arguments)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(exit == expected, output);
        return output;
    }
}
