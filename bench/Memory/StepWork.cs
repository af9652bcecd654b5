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
    private static readonly ModelOptions Model = new()
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
    private readonly int _globalBatch;

    public StepWork(int globalBatch, int microBatch, ActivationCheckpointing checkpointing)
    {
        _globalBatch = globalBatch;
        var options = new RunOptions
        {
            Model = Model,
            Data = new DataOptions { Train = ["unused"] },
            Training = new TrainingOptions
            {
                GlobalBatch = globalBatch,
                Steps = 1000,
                MicroBatch = microBatch,
                ActivationCheckpointing = checkpointing,
            },
        };
        _state = new TrainingState(options);
        _step = new TrainingStep(_state, options.Training, new RankGroup(), new LearningRateSchedule(5e-4, 2000, 1000));
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

    public TrainingBatch Batch()
    {
        using var generator = new torch.Generator();
        generator.manual_seed(1);
        var (size, context, end) = (Model.Image.Size, Model.Text.Context, Model.Text.Context - 1);
        using var scope = NewDisposeScope();
        return new TrainingBatch(
            randn([_globalBatch, 3, size, size], generator: generator).MoveToOuterDisposeScope(),
            randint(0, Model.Text.Vocabulary, [_globalBatch, context], int64, generator: generator).MoveToOuterDisposeScope(),
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
}
