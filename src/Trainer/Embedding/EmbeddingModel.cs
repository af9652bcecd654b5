using System.Security.Cryptography;
using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Embedding;

/// <summary>A model to embed with: what it is, how its images are made, its vocabulary, and where its weights lie.</summary>
/// <param name="Run">The options of the run that trained it; evaluation's transform is used.</param>
/// <param name="Weights">A safetensors file.</param>
public sealed record EmbeddingModel(RunOptions Run, string Weights)
{
    /// <summary>The newest checkpoint of a run, or one that is named.</summary>
    /// <param name="path">A run's directory, its name under runs/, or a checkpoint's directory in a run.</param>
    /// <exception cref="UsageException">It is neither.</exception>
    /// <exception cref="CheckpointException">The checkpoint is not whole.</exception>
    public static EmbeddingModel Open(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var isCheckpoint = File.Exists(Path.Combine(full, CheckpointDirectory.StateFile));
        var files = isCheckpoint ? RunFiles.Find(Path.GetFullPath(Path.Combine(full, "..", ".."))) : RunFiles.Find(path);
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        var step = isCheckpoint
            ? checkpoints.Steps().FirstOrDefault(step => checkpoints.PathOf(step) == full, -1)
            : checkpoints.Steps().LastOrDefault(-1);
        if (step < 0)
            throw new CheckpointException($"{files.Checkpoints}: has no checkpoint{(isCheckpoint ? $" of the name {Path.GetFileName(full)}" : "")} to embed with.");
        checkpoints.Verify(step);
        return new EmbeddingModel(RunConfig.Load(files.Config, []).Options, Path.Combine(checkpoints.PathOf(step), CheckpointDirectory.ModelFile));
    }

    /// <summary>SHA-256 of the weights' file, in lower-case hexadecimal.</summary>
    public string Hash()
    {
        using var file = File.OpenRead(Weights);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>The model with its weights. To be called on the torch thread.</summary>
    public ClipModel Load(Precision precision, torch.Device device)
    {
        var model = new ClipModel(Run.Model, precision, Run.Seed, device);
        model.Parameters.LoadMaster(Weights);
        return model;
    }
}
