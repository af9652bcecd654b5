using ClipTrain.Coordinator.Protocol;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class MeasuredRunTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Every_tenth_step_of_a_run_tells_its_phases_its_utilisation_and_the_state_of_its_towers()
    {
        var options = RunConfig
            .Load(
                _corpus.PathOf(_corpus.RunFile),
                [
                    $"data.train=[{_corpus.PathOf("train.parquet")}]",
                    $"data.merges={_corpus.PathOf("merges.txt")}",
                    $"output.directory={_corpus.PathOf("runs")}",
                    "cluster.workers=1",
                    "evaluation={}",
                ]
            )
            .Options;
        var steps = new List<StepMetrics>();
        using (var trainer = new LocalTrainer(options))
        {
            Assert.True(trainer.Train(steps.Add));
        }

        Assert.Equal([10], steps.Where(step => step.Phases is not null).Select(step => step.Step));
        var measured = steps[9];
        foreach (var phase in new[] { "image_forward", "image_backward", "text_forward", "text_backward", "loss", "optimizer" })
        {
            Assert.InRange(measured.Phases![phase], 0, 1);
        }

        // Shares are rounded to four digits each.
        Assert.InRange(measured.Phases!.Values.Sum(), 0.3, 1.001);
        Assert.InRange(measured.Mfu!.Value, 0, 2);
        Assert.InRange(measured.ImageTower!.EffectiveRank!.Value, 1, 9);
        Assert.InRange(measured.TextTower!.MeanCosine!.Value, -1, 1);
    }
}
