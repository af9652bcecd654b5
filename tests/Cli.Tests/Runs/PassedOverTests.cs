using ClipTrain.Coordinator.Protocol;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class PassedOverTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_step_that_is_passed_over_is_recorded_with_its_samples_and_changes_no_weight()
    {
        var options = Options();
        var manifest = RunCorpus.Select(options);
        using var state = new TrainingState(options);
        var control = Train(options, state, 4, [new StepRange(2, 3)]);

        var (weights, records) = (control.Weights, control.Records);
        Assert.Equal(weights[0], weights[1]);
        Assert.Equal(weights[0], weights[2]);
        Assert.NotEqual(weights[2], weights[3]);
        foreach (var passed in records.Skip(1).Take(2))
        {
            Assert.Equal((0, 0), (passed.Metrics.GradientNorm, passed.Metrics.LearningRate));
            Assert.Equal(records[0].Metrics.Loss, passed.Metrics.Loss);
        }

        var order = RunPlan.Order(manifest, options);
        Assert.Equal(
            Enumerable.Range(0, 4).Select(step => DataPipeline.Ordering.SampleDigest.Of(order.GlobalBatch(step))),
            records.Select(record => record.Shares[0].Digest)
        );
        Assert.Equal((4, 2, 40), (state.Step, state.SkippedSteps, state.Samples));
    }

    [Fact]
    public void A_step_without_a_usable_sample_is_no_update()
    {
        var options = Options("data.max_bad_share=1");
        var first = RunPlan.Order(RunCorpus.Select(options), options).GlobalBatch(0);
        _corpus.Write(
            "train.parquet",
            TinyCorpus.Rows,
            row => first.Any(sample => sample.Index == row) ? [0] : TinyCorpus.Picture(row),
            TinyCorpus.Caption
        );
        using var state = new TrainingState(options);
        var control = Train(options, state, 3);
        // The same run, from its second step.
        using var fromSecond = new TrainingState(options) { Step = 1, SkippedSteps = 1 };
        var others = Train(options, fromSecond, 3);

        Assert.Equal((3, 1, 20, 10), (state.Step, state.SkippedSteps, state.Samples, state.BadSamples));
        Assert.Equal(others.Weights, control.Weights.Skip(1));
        Assert.NotEqual(control.Weights[0], control.Weights[1]);
    }

    private RunOptions Options(params string[] more) =>
        RunConfig
            .Load(
                _corpus.PathOf(_corpus.RunFile),
                [
                    $"data.train=[{_corpus.PathOf("train.parquet")}]",
                    $"data.merges={_corpus.PathOf("merges.txt")}",
                    "cluster.workers=1",
                    "training.steps=4",
                    "evaluation={}",
                    .. more,
                ]
            )
            .Options;

    /// <summary>Trains from the state's step to a last one.</summary>
    private Recorder Train(RunOptions options, TrainingState state, int steps, IReadOnlyList<StepRange>? passedOver = null)
    {
        var manifest = RunCorpus.Select(options);
        var control = new Recorder(state);
        using var writer = new CheckpointWriter(
            new CheckpointDirectory(_corpus.PathOf("checkpoints")),
            "",
            "",
            new CheckpointOptions { Keep = 1 },
            control
        );
        using var loader = RunPlan.OpenLoader(options, manifest, new LoaderShare(0, 1, 1, state.Step, steps));
        using var group = new RankGroup();
        using var loop = new TrainingLoop(
            options,
            new TrainingPlan(steps, manifest.SampleCount, Generation: 1) { PassedOver = passedOver },
            state,
            group,
            loader,
            writer,
            control,
            TimeProvider.System
        );
        Assert.Equal(LoopEnd.Completed, loop.Run(CancellationToken.None));
        return control;
    }

    /// <summary>Keeps the weights after each step, and its record.</summary>
    private sealed class Recorder(TrainingState state) : ITrainingControl
    {
        public List<float[]> Weights { get; } = [];

        public List<StepRecord> Records { get; } = [];

        public Directive TakeDirective() => Directive.Continue;

        public void StepCommitted(StepRecord record)
        {
            Weights.Add(state.Model.Parameters.Master.AsSpan<float>().ToArray());
            Records.Add(record);
        }

        public IReadOnlyList<StepRecord> Unrecorded(long upToStep) => [];

        public long SoundStep => 0;

        public void CheckpointWritten(long step, string directory) { }
    }
}
