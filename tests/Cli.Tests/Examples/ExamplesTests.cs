using ClipTrain.EndToEnd.Tests;

namespace ClipTrain.Cli.Tests.Examples;

/// <summary>The examples of docs/library.md run.</summary>
public sealed class ExamplesTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_run_is_trained_searched_and_evaluated_from_CSharp()
    {
        var (data, runs) = (_corpus.PathOf("train.parquet"), _corpus.PathOf("runs"));
        var runFile = File.ReadAllText(_corpus.PathOf(_corpus.RunFile))
            .Replace("[train.parquet]", $"[{data}]", StringComparison.Ordinal)
            .Replace("merges.txt", _corpus.PathOf("merges.txt"), StringComparison.Ordinal)
            .Replace("page: false", $"page: false, directory: {runs}", StringComparison.Ordinal);
        File.WriteAllText(_corpus.PathOf("example.yaml"), runFile);
        using var output = new StringWriter();

        var run = TrainExample.Train(_corpus.PathOf("example.yaml"), output);

        Assert.Equal(12, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        File.WriteAllBytes(_corpus.PathOf("square.jpg"), TinyCorpus.Picture(1));
        var match = Assert.Single(EmbedExample.Match(run, [_corpus.PathOf("square.jpg")], ["a red square", "a blue square"]));
        Assert.InRange(match.Cosine, -1, 1);
        var accuracy = EvaluateExample.Evaluate(run, data).First(row => row.Metric == "top1");
        Assert.Equal(TinyCorpus.Rows, accuracy.N);
        Assert.InRange(accuracy.Value, accuracy.Low!.Value, accuracy.High!.Value);
    }
}
