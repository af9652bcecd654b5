using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.EndToEnd.Tests;

/// <summary><c>eval --suite --coordinator</c>: suites on a pool of machines, here several nodes of one machine.</summary>
public sealed class SuitePoolTests : IDisposable
{
    private static readonly string[] s_results = ["results.json", "results.csv", "report.html"];

    private readonly TinyCorpus _corpus = new();

    public SuitePoolTests()
    {
        Finish(0, "train", _corpus.RunFile, "--set", "evaluation={}", "--set", "cluster.workers=1");
        _corpus.Write("test.parquet", 50, i => i % 7 == 3 ? [1, 2, 3] : TinyCorpus.Picture(i), TinyCorpus.Caption);
        _corpus.Write("bad.parquet", 4, _ => [1, 2, 3], TinyCorpus.Caption);
        WriteUnlabelled("unlabelled.parquet", 8);
        WriteSuite("alone");
        WriteSuite("pooled");
    }

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public async Task Nodes_of_a_pool_yield_the_files_and_the_failures_of_one_process()
    {
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "first", "second");

        using var pooled = Evaluate("pooled", pool);
        pooled.AssertExit(0);
        AssertEqualToOneProcess();
        Assert.Contains("starts on first", pooled.Output, StringComparison.Ordinal);
        Assert.Contains("starts on second", pooled.Output, StringComparison.Ordinal);
        Assert.Contains("captions: 50 images embedded", pooled.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("searched starts on", pooled.Output, StringComparison.Ordinal);

        File.WriteAllText(_corpus.PathOf("bad.yaml"), "sets: [{ name: bad, data: [bad.parquet], tasks: [retrieval] }]");
        var message = Finish(4, "eval", "tiny", "--suite", "bad.yaml").Split('\n').Last(line => line.Length > 0 && line[0] != '(');
        Assert.Contains("'bad'", message, StringComparison.Ordinal);
        Assert.Matches(
            $"Node (first|second): {Regex.Escape(message)}",
            Finish(4, ["eval", "tiny", "--suite", "bad.yaml", .. pool.Address])
        );
        Assert.Contains(
            "the largest node of the pool offers 1",
            Finish(2, ["eval", "tiny", "--suite", "pooled.yaml", "--workers", "2", .. pool.Address]),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "a pool chooses the device: give cpu or cuda",
            Finish(2, ["eval", "tiny", "--suite", "pooled.yaml", "--device", "cuda:0", .. pool.Address]),
            StringComparison.Ordinal
        );
        Assert.Empty(Directory.GetDirectories(_corpus.Folder, "eval-*"));
    }

    [Fact]
    public async Task The_set_of_a_killed_node_is_evaluated_on_another()
    {
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "first");
        using var pooled = Evaluate("pooled", pool);
        await pooled.Printed("starts on first");
        pool[0].Kill();
        pool.Start("second");

        pooled.AssertExit(0);
        AssertEqualToOneProcess();
        Assert.Contains("returns to the queue: lost first/cpu:0", pooled.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_withdraws_the_sets_from_the_pool_and_leaves_no_process()
    {
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");
        using var pooled = Evaluate("pooled", pool);
        await pool[0].Printed("starts on cpu:0");

        pooled.Signal(PosixSignal.SIGINT);

        pooled.AssertExit(130);
        Assert.Empty(pool[0].Find("set"));
        Assert.Empty(Directory.GetDirectories(_corpus.Folder, "eval-*"));
        Assert.Empty(Directory.GetFiles(_corpus.PathOf("pooled")));
        Assert.DoesNotContain("   at ", pooled.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_evaluation_ends_what_a_killed_one_left_on_the_pool_and_in_its_folder()
    {
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");
        using var killed = Evaluate("pooled", pool);
        await pool[0].Printed("starts on cpu:0");
        killed.Kill();

        using var next = Evaluate("pooled", pool);

        next.AssertExit(0);
        Assert.Contains("is of an evaluation that was killed or lost the pool: ending it", next.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(_corpus.Folder, "eval-*"));
        AssertEqualToOneProcess();
    }

    /// <summary>Starts an evaluation that writes to the folder of the suite's name.</summary>
    private ProgramRun Evaluate(string suite, ProgramPool? pool = null) =>
        // One core for a process, as on the nodes: with more, the number of threads might change the last bits.
        ProgramRun.StartBy(
            ["env", "DOTNET_PROCESSOR_COUNT=1"],
            _corpus.Folder,
            ["eval", "tiny", "--suite", $"{suite}.yaml", "-o", suite, .. pool?.Address ?? []]
        );

    private void AssertEqualToOneProcess()
    {
        using var alone = Evaluate("alone");
        alone.AssertExit(0);
        foreach (var file in s_results)
        {
            Assert.True(
                File.ReadAllBytes(_corpus.PathOf("alone", file)).SequenceEqual(File.ReadAllBytes(_corpus.PathOf("pooled", file))),
                $"{file} differs from that of one process."
            );
        }
    }

    /// <summary>Images without a label, and with captions only in a column that suites do not read by default.</summary>
    private void WriteUnlabelled(string file, int rows)
    {
        using var writer = new CorpusWriter(_corpus.PathOf(file), captionColumn: "note");
        for (var i = 0; i < rows; i++)
        {
            writer.Add(TinyCorpus.Picture(i), null, []);
        }

        writer.Complete();
    }

    /// <summary>
    /// A suite of two labelled sets, a shift between them, a set of captions, and one that is only searched for, with a cache of its own.
    /// </summary>
    private void WriteSuite(string name) =>
        File.WriteAllText(
            _corpus.PathOf($"{name}.yaml"),
            $$"""
            batch: 8
            cache: {{name}}-features
            sets:
            - { name: labelled, data: [test.parquet], train: [train.parquet], templates: ["a {} square", "{}"], tasks: [zero_shot, probe, few_shot, knn] }
            - { name: captions, data: [test.parquet], tasks: [retrieval] }
            - { name: shifted, data: [train.parquet], templates: ["{}"], tasks: [zero_shot] }
            - { name: searched, data: [unlabelled.parquet] }
            overlaps: [{ set: searched, corpus: [train.parquet] }]
            robustness: [{ name: shift, reference: labelled, shifted: shifted, slope: 1, intercept: 0 }]
            """
        );

    private string Finish(int expected, params string[] arguments)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(exit == expected, output);
        return output;
    }
}
