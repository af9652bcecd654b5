namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>The weights that <c>cliptrain train</c> ends with on three workers of one machine.</summary>
public sealed class LocalBaseline
{
    public const int Steps = 40;
    internal static readonly string[] Settings = ["cluster.workers=3", "training.steps=40"];

    public LocalBaseline()
    {
        using var corpus = new TinyCorpus();
        var (exit, output) = ProgramRun.Finish(
            corpus.Folder,
            ["train", corpus.RunFile, "--set", "evaluation={}", .. Settings.SelectMany(setting => new[] { "--set", setting })]
        );
        Assert.True(exit == 0, output);
        Model = corpus.Model("tiny", Steps);
    }

    public byte[] Model { get; }
}
