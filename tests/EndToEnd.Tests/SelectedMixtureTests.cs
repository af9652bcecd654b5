using System.Text.RegularExpressions;

namespace ClipTrain.EndToEnd.Tests;

public sealed partial class SelectedMixtureTests : IDisposable
{
    private const string Data =
        "data={mixture: [{name: squares, files: [train.parquet]}, "
        + "{name: few, files: [few.parquet], weight: 2, caption_column: [label, text]}], "
        + "caption_mode: all, filter: \"label <> 'blue' and text not like '%number 3'\", "
        + "subset: 0.7, merges: merges.txt, shuffle_window: 2}";

    private readonly TinyCorpus _corpus = new();

    public SelectedMixtureTests() => _corpus.Write("few.parquet", 36, TinyCorpus.Picture, TinyCorpus.Caption);

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_mixture_of_selected_rows_resumes_bitwise_and_its_audit_is_clean(int workers)
    {
        var output = Succeed(
            "train",
            _corpus.RunFile,
            "--set",
            "name=mix",
            "--set",
            "evaluation={}",
            "--set",
            Data,
            "--set",
            $"cluster.workers={workers}"
        );
        Assert.Contains("132 rows in the corpus", output, StringComparison.Ordinal);
        // A sixth of 96 rows is blue, and one of 16 numbers is 3; of 36 rows, one of 6.
        Assert.Contains("75 left; squares: subset 0.7", output, StringComparison.Ordinal);
        Assert.Contains("25 left; few: subset 0.7", output, StringComparison.Ordinal);
        var expected = _corpus.Model("mix", 12);
        foreach (var step in new[] { 10, 12 })
        {
            Directory.Delete(_corpus.PathOf("runs", "mix", "checkpoints", $"step-{step:D8}"), recursive: true);
        }

        Succeed("resume", "runs/mix");

        Assert.Equal(expected, _corpus.Model("mix", 12));
        var audit = Succeed("data", "audit", "runs/mix", "--list", "uses.tsv");
        Assert.Contains("every sample was consumed exactly once", audit, StringComparison.Ordinal);
        var uses = File.ReadLines(_corpus.PathOf("uses.tsv"))
            .Skip(1)
            .Select(line => Place().Match(line).Groups)
            .Select(use => (Corpus: use["corpus"].Value, Row: int.Parse(use["row"].Value)))
            .ToArray();
        Assert.Equal(120, uses.Length);
        Assert.Equal(
            ["few", "train"],
            uses.Select(use => use.Corpus).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
            StringComparer.Ordinal
        );
        Assert.All(uses, use => Assert.True(use.Row % 6 != 2 && use.Row / 6 != 3, $"{use}"));
    }

    [Fact]
    public void A_corpus_without_matching_rows_is_named()
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            Data,
            "--set",
            "data.filter=label = 'pink'"
        );
        Assert.True(exit == 4, output);
        Assert.Contains("data.mixture, corpus squares: no row of the corpus is left", output, StringComparison.Ordinal);
    }

    private string Succeed(params string[] command)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, command);
        Assert.True(exit == 0, output);
        return output;
    }

    [GeneratedRegex(@"(?<corpus>few|train)\.parquet:(?<row>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Place();
}
