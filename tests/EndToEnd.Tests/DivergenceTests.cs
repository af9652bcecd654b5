using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

public sealed class DivergenceTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_run_that_diverges_goes_back_as_often_as_it_may_and_the_audit_accepts_what_it_passed_over()
    {
        // The first update makes the weights so large that no later loss is finite.
        string[] sets =
        [
            "training.learning_rate=1e30",
            "training.warmup_steps=0",
            "training.gradient_clip=0",
            "checkpoint.every_steps=1",
            "checkpoint.rollbacks=2",
        ];

        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            ["train", _corpus.RunFile, .. sets.SelectMany(set => new[] { "--set", set })]
        );

        Assert.True(exit == 5, output);
        Assert.Contains("Steps passed over because the run diverged at them: 2, 3.", output, StringComparison.Ordinal);
        using var passedOver = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tiny", "passed-over.json")));
        Assert.Equal([(2, 2), (3, 3)], passedOver.RootElement.EnumerateArray().Select(Range));

        var (audited, audit) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "runs/tiny");
        Assert.True(audited == 0, audit);
        Assert.Contains("Steps that changed no weight, because the run diverged at them before: 2, 3.", audit, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_rollbacks_a_run_that_diverges_ends()
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "training.learning_rate=1e30",
            "--set",
            "training.gradient_clip=0"
        );
        Assert.True(exit == 5, output);
        Assert.False(File.Exists(_corpus.PathOf("runs", "tiny", "passed-over.json")));
    }

    private static (int First, int Last) Range(JsonElement range) =>
        (range.GetProperty("first").GetInt32(), range.GetProperty("last").GetInt32());
}
