using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class RollbackTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [InlineData(100, 80)]
    [InlineData(5, 1)]
    public void A_rise_of_the_loss_is_blamed_on_the_steps_before_its_notice(long alert, long first) =>
        Assert.Equal(new StepRange(first, alert), Rollback.CauseOf(alert));

    [Fact]
    public void The_checkpoint_to_go_back_to_is_the_last_complete_one_before_the_cause()
    {
        var run = TrainedRun();
        Assert.Equal(10, Rollback.CheckpointBefore(run.Checkpoints, new StepRange(11, 12))!.Step);
        Assert.Equal(5, Rollback.CheckpointBefore(run.Checkpoints, new StepRange(10, 12))!.Step);
        Assert.Null(Rollback.CheckpointBefore(run.Checkpoints, new StepRange(5, 6)));
    }

    [Fact]
    public void A_resumed_run_knows_what_it_passes_over()
    {
        var run = TrainedRun("checkpoint.rollbacks=2");
        Assert.Equal(2, run.Spec(managedWorkers: 1).Rollbacks);
        Assert.Null(run.Spec(managedWorkers: 1).PassedOver);

        StepRange[] passedOver = [new(11, 12), new(7, 7)];
        Rollback.Write(run.Files, passedOver);
        Assert.Equal(passedOver, PreparedRun.Resume(run.Files.Directory, step: null).Spec(managedWorkers: 1).PassedOver);
        Assert.Equal("11 to 12, 7", Rollback.Describe(passedOver));
    }

    [Fact]
    public void A_damaged_file_is_named()
    {
        var files = new RunFiles(_corpus.Folder);
        File.WriteAllText(files.PassedOver, "[{");
        var error = Assert.Throws<WeightsException>(() => Rollback.Read(files));
        Assert.Contains(files.PassedOver, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A run of twelve steps with checkpoints of steps 5, 10 and 12.</summary>
    private PreparedRun TrainedRun(params string[] changes)
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
                    .. changes,
                ]
            )
            .Options;
        using var trainer = new LocalTrainer(options);
        trainer.Train();
        Assert.Equal([5L, 10, 12], new CheckpointDirectory(trainer.Files.Checkpoints).Steps());
        return PreparedRun.Resume(trainer.Files.Directory, step: null);
    }
}
