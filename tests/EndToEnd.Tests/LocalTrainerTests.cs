using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.EndToEnd.Tests;

public sealed class LocalTrainerTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_run_started_from_CSharp_is_resumed_by_the_program_bit_for_bit()
    {
        string[] paths =
        [
            $"data.train=[{_corpus.PathOf("train.parquet")}]",
            $"data.merges={_corpus.PathOf("merges.txt")}",
            $"output.directory={_corpus.PathOf("runs")}",
            "evaluation={}",
            "cluster.workers=1",
        ];
        using (var trainer = new LocalTrainer(RunConfig.Load(_corpus.PathOf(_corpus.RunFile), paths).Options))
        using (var stop = new CancellationTokenSource())
        {
            Assert.False(
                trainer.Train(
                    step =>
                    {
                        if (step.Step == 6)
                        {
                            stop.Cancel();
                        }
                    },
                    stop.Token
                )
            );
        }

        AssertSucceeds("resume", "tiny");
        AssertSucceeds(["train", _corpus.RunFile, .. paths.Append("name=reference").SelectMany(set => new[] { "--set", set })]);

        Assert.Equal(_corpus.Model("reference", 12), _corpus.Model("tiny", 12));
        Assert.Equal(_corpus.Optimizer("reference", 12), _corpus.Optimizer("tiny", 12));
        AssertSucceeds("export", "tiny", "--format", "open-clip", "-o", "exported");
    }

    private void AssertSucceeds(params string[] arguments)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(exit == 0, output);
    }
}
