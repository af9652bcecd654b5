using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>A training state on a device, with steps over random pairs that are the same on every device.</summary>
internal sealed class Work : IDisposable
{
    public static readonly ModelOptions Small = new()
    {
        EmbedDim = 64,
        Image = new ImageTowerOptions
        {
            Size = 32,
            Patch = 8,
            Width = 128,
            Layers = 4,
            Heads = 2,
        },
        Text = new TextTowerOptions
        {
            Context = 16,
            Vocabulary = 512,
            Width = 64,
            Layers = 4,
            Heads = 1,
        },
    };

    private readonly RunOptions _run;
    private readonly TrainingStep _step;

    /// <param name="rate">Learning rate of every step.</param>
    public Work(ModelOptions model, TrainingOptions training, Device device, double rate, RankGroup? group = null)
    {
        _run = new RunOptions
        {
            Model = model,
            Data = new DataOptions { Train = ["unused"] },
            Training = training,
        };
        State = new TrainingState(_run, device);
        _step = new TrainingStep(State, training, group ?? new RankGroup(), new LearningRateSchedule(rate, 0, long.MaxValue));
    }

    public TrainingState State { get; }

    public static TrainingOptions Options(int batch, Precision precision, int microBatch = 0) =>
        new()
        {
            GlobalBatch = batch,
            Steps = 1_000_000,
            Precision = precision,
            MicroBatch = microBatch,
        };

    /// <summary>Pairs of a model, in host memory.</summary>
    public static TrainingBatch Batch(ModelOptions model, int start, int count, bool asBytes = false)
    {
        using var generator = new Generator((ulong)start + 1);
        var size = model.Image.Size;
        var images = asBytes
            ? randint(0, 256, [count, 3, size, size], uint8, generator: generator)
            : randn([count, 3, size, size], generator: generator);
        var tokens = randint(1, model.Text.Vocabulary, [count, model.Text.Context], int64, generator: generator);
        return new TrainingBatch(images, tokens, full([count], model.Text.Context - 1, int64), null, []);
    }

    /// <summary>Takes a step.</summary>
    public StepResult Take(TrainingBatch batch, params long[] counts)
    {
        using var scope = NewDisposeScope();
        return _step.Take(batch, counts.Length == 0 ? [batch.Count] : counts);
    }

    public void Dispose()
    {
        _step.Dispose();
        State.Dispose();
    }
}
