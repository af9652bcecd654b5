using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Memory;

/// <summary>Training steps of a small model on random images of 32 pixels and random captions.</summary>
internal sealed class StepWork : IDisposable
{
    private static readonly ModelOptions Transformers = new()
    {
        EmbedDim = 64,
        Image = new ImageTowerOptions
        {
            Size = 32,
            Patch = 8,
            Width = 64,
            Layers = 4,
            Heads = 1,
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

    private readonly TrainingState _state;
    private readonly TrainingStep _step;
    private readonly ModelOptions _model;
    private readonly int _globalBatch;

    public StepWork(int globalBatch, int microBatch, ActivationCheckpointing checkpointing)
        : this(Transformers, Training(globalBatch, microBatch, checkpointing)) { }

    private StepWork(ModelOptions model, TrainingOptions training)
    {
        (_model, _globalBatch) = (model, training.GlobalBatch);
        var options = new RunOptions
        {
            Model = model,
            Data = new DataOptions { Train = ["unused"] },
            Training = training,
        };
        _state = new TrainingState(options);
        _step = new TrainingStep(_state, training, new RankGroup(), new LearningRateSchedule(5e-4, 2000, training.Steps!.Value));
    }

    /// <summary>Time and memory of a step, after a small one for warm-up.</summary>
    public static Measurement Measure(int globalBatch, int microBatch, ActivationCheckpointing checkpointing)
    {
        using (var small = new StepWork(64, 16, checkpointing))
        {
            small.Take(small.Batch());
        }

        using var work = new StepWork(globalBatch, microBatch, checkpointing);
        var batch = work.Batch();
        return Measurement.Of(() => work.Take(batch));
    }

    /// <summary>Private resident bytes before many steps of 16 pairs, and after every twentieth of them.</summary>
    /// <param name="resnet">Whether the image tower is a ResNet instead of a ViT.</param>
    /// <param name="precision">Precision of the steps.</param>
    /// <param name="steps">Number of steps.</param>
    public static IEnumerable<long> Memory(bool resnet, Precision precision, int steps)
    {
        var image = new ImageTowerOptions
        {
            Architecture = ImageArchitecture.Resnet,
            Size = 32,
            Width = 8,
            Blocks = [1, 1, 1, 1],
            Heads = 4,
        };
        using var work = new StepWork(
            resnet ? Transformers with { Image = image } : Transformers,
            new TrainingOptions
            {
                GlobalBatch = 16,
                Steps = steps,
                Precision = precision,
            }
        );
        var batch = work.Batch();
        for (var step = 0; step < steps; step++)
        {
            if (step % (steps / 20) == 0)
            {
                yield return Measurement.Private();
            }

            work.Take(batch);
        }

        yield return Measurement.Private();
    }

    public TrainingBatch Batch()
    {
        using var generator = new torch.Generator();
        generator.manual_seed(1);
        var (size, context, end) = (_model.Image.Size, _model.Text.Context, _model.Text.Context - 1);
        using var scope = NewDisposeScope();
        return new TrainingBatch(
            randn([_globalBatch, 3, size, size], generator: generator).MoveToOuterDisposeScope(),
            randint(0, _model.Text.Vocabulary, [_globalBatch, context], int64, generator: generator).MoveToOuterDisposeScope(),
            full([_globalBatch], end, int64).MoveToOuterDisposeScope(),
            null,
            []
        );
    }

    /// <summary>Takes a step; returns its gradients.</summary>
    public torch.Tensor Take(TrainingBatch batch)
    {
        _step.Take(batch, [_globalBatch]);
        return _state.Model.Parameters.Gradients;
    }

    public void Dispose()
    {
        _step.Dispose();
        _state.Dispose();
    }

    private static TrainingOptions Training(int globalBatch, int microBatch, ActivationCheckpointing checkpointing) =>
        new()
        {
            GlobalBatch = globalBatch,
            Steps = 1000,
            MicroBatch = microBatch,
            ActivationCheckpointing = checkpointing,
        };
}
