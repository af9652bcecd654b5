using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimization;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>Everything of a run that a step changes: weights, moments and counters. All ranks hold the same.</summary>
public sealed class TrainingState : IDisposable
{
    /// <summary>A fresh state: initial weights drawn from the run's seed, moments zero.</summary>
    public TrainingState(RunOptions options, torch.Device? device = null)
    {
        Model = new ClipModel(options.Model, options.Training.Precision, options.Seed, device);
        Optimizer = new AdamW(Model.Parameters, options.Training);
    }

    public ClipModel Model { get; }

    public AdamW Optimizer { get; }

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; set; }

    /// <summary>Pairs trained on.</summary>
    public long Samples { get; set; }

    /// <summary>Pairs that could not be used.</summary>
    public long BadSamples { get; set; }

    /// <summary>Wall seconds of training, over all resumes.</summary>
    public double TrainingSeconds { get; set; }

    /// <summary>Copies weights, moments and counters to host memory, so that training can go on while they are written.</summary>
    public StateSnapshot Snapshot()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return new StateSnapshot(
            this,
            HostCopy(Model.Parameters.Master),
            HostCopy(Optimizer.FirstMoment),
            HostCopy(Optimizer.SecondMoment));
    }

    /// <summary>Overwrites this state with a checkpoint's.</summary>
    /// <exception cref="CheckpointException">The checkpoint is not whole, or is of another model, configuration or corpus.</exception>
    public void Load(CheckpointDirectory checkpoints, long step, string configHash, string corpusHash)
    {
        var saved = checkpoints.Verify(step);
        var path = checkpoints.PathOf(step);
        if (saved.ConfigHash != configHash)
            throw new CheckpointException($"{path}: was written under another configuration. Resume with the run's own config.yaml, or begin a new run.");
        if (saved.CorpusHash != corpusHash)
            throw new CheckpointException($"{path}: was written with another corpus: the files of data.train have changed since. Restore them, or begin a new run.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Model.Parameters.LoadMaster(Path.Combine(path, CheckpointDirectory.ModelFile));
        using (var file = new SafetensorsFile(Path.Combine(path, CheckpointDirectory.OptimizerFile)))
        {
            Model.Parameters.Read(file, Optimizer.FirstMoment, StateSnapshot.FirstMomentPrefix);
            Model.Parameters.Read(file, Optimizer.SecondMoment, StateSnapshot.SecondMomentPrefix);
        }

        (Step, Samples, BadSamples, TrainingSeconds) = (saved.Step, saved.Samples, saved.BadSamples, saved.TrainingSeconds);
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        Model.Dispose();
    }

    private static torch.Tensor HostCopy(torch.Tensor buffer) => buffer.to(CPU).clone().DetachFromDisposeScope();
}
