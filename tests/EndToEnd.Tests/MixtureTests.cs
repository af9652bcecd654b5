using System.Text.RegularExpressions;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.EndToEnd.Tests;

public sealed class MixtureTests : IDisposable
{
    private const string Mixture =
        "data={mixture: [{name: squares, files: [train.parquet], weight: 3}, {name: few, files: [few.parquet]}], "
        + "sampling: fixed, merges: merges.txt, shuffle_window: 2}";

    private readonly TinyCorpus _corpus = new();

    public MixtureTests() => _corpus.Write("few.parquet", 12, TinyCorpus.Picture, TinyCorpus.Caption);

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_mixture_resumes_bitwise_and_its_audit_proves_the_epochs_of_each_corpus()
    {
        Train("unbroken");
        Train("broken", "checkpoint.keep=10");
        foreach (
            var file in Directory
                .GetDirectories(_corpus.PathOf("runs", "broken", "checkpoints"))
                .Where(d => !d.EndsWith("00000005", StringComparison.Ordinal))
        )
        {
            Directory.Delete(file, recursive: true);
        }

        foreach (var record in new[] { "metrics.jsonl", "summary.json" })
        {
            File.Delete(_corpus.PathOf("runs", "broken", record));
        }

        foreach (var records in new[] { "ledger", "cluster" })
        {
            Directory.Delete(_corpus.PathOf("runs", "broken", records), recursive: true);
        }

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "runs/broken");
        Assert.True(exit == 0, output);
        Assert.Equal(_corpus.Model("unbroken", 12), _corpus.Model("broken", 12));

        (exit, output) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "unbroken");
        Assert.True(exit == 0, output);
        // Of 120 samples, 90 come from the first corpus of 96 and 30 from the second of 12.
        Assert.Matches(Row("squares 0", 90), output);
        Assert.Matches(Row("few 0", 12), output);
        Assert.Matches(Row("few 1", 12), output);
        Assert.Matches(Row("few 2", 6), output);
        var epochs = MetricsFile.Read(_corpus.PathOf("runs", "unbroken", "metrics.jsonl")).Last().CorpusEpochs!;
        Assert.Equal((0.9375, 2.5), (epochs["squares"], epochs["few"]));
    }

    [Fact]
    public void A_missing_corpus_of_a_mixture_is_named()
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "data={mixture: [{name: lost, files: [nowhere.parquet]}], merges: merges.txt}"
        );
        Assert.True(exit == 4, output);
        Assert.Contains("data.mixture, corpus lost", output, StringComparison.Ordinal);
    }

    private static Regex Row(string epoch, int samples) =>
        new($"{epoch}\\W+{samples}\\W+{samples}\\W+0\\W+0\\W", RegexOptions.None, TimeSpan.FromMinutes(1));

    private void Train(string name, params string[] sets)
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            [
                "train",
                _corpus.RunFile,
                "--set",
                $"name={name}",
                "--set",
                "evaluation={}",
                "--set",
                Mixture,
                .. sets.SelectMany(set => new[] { "--set", set }),
            ]
        );
        Assert.True(exit == 0, output);
    }
}
