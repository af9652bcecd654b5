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
    public void A_run_goes_back_to_the_last_checkpoint_before_the_cause_and_remembers_what_it_passes_over()
    {
        var run = TrainedRun("checkpoint.rollbacks=2");

        var once = Rollback.After(run, new StepRange(11, 12))!;
        Assert.Equal(10, once.WantedStep);
        Assert.Equal([new StepRange(11, 12)], once.PassedOver);
        var twice = Rollback.After(once, new StepRange(7, 7))!;
        Assert.Equal(5, twice.WantedStep);
        Assert.Equal([new StepRange(11, 12), new StepRange(7, 7)], Rollback.Read(run.Files));
        Assert.Equal("11 to 12, 7", Rollback.Describe(twice.PassedOver));
        Assert.Null(Rollback.After(twice, new StepRange(7, 7)));

        // The coordinator passes it on to the workers and to the ledger.
        Assert.Equal(twice.PassedOver, twice.Spec(managedWorkers: 1).PassedOver);
        Assert.Null(run.Spec(managedWorkers: 1).PassedOver);
        Assert.Equal(twice.PassedOver, PreparedRun.Resume(run.Files.Directory, step: null).PassedOver);
    }

    [Fact]
    public void Without_a_checkpoint_before_the_cause_or_without_permission_a_run_does_not_go_back()
    {
        Assert.Null(Rollback.After(TrainedRun("checkpoint.rollbacks=1"), new StepRange(5, 6)));
        Assert.Null(Rollback.After(TrainedRun("name=other"), new StepRange(11, 12)));
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
