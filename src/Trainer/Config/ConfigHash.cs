using System.Security.Cryptography;
using System.Text;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>
/// One number for what all workers of a run must agree on: the seed, the model, the corpus and its augmentation, the training and the
/// kind of device. The run's name, its output, checkpoints and evaluation, the number of workers, threads, prefetching, the port and
/// timeouts may differ between machines or change on resuming, so they are left out; so is what changes memory and time but, but for
/// rounding, no number: activation checkpointing, the optimizer's sharding, the tiles of the loss, and micro-batches where no
/// BatchNorm normalises with their statistics. The hash of the weights that a run starts from is found when it begins, and checked
/// where they are read. Defaults are left out too, so that a key which a later version adds leaves the hash of a run as it is.
/// </summary>
public static class ConfigHash
{
    /// <summary>SHA-256 of the agreed options, in lower-case hexadecimal.</summary>
    public static string Of(RunOptions options)
    {
        var (data, training) = (new DataOptions { Train = [] }, new TrainingOptions { GlobalBatch = 1 });
        var agreed = new RunOptions
        {
            Seed = options.Seed,
            Model = options.Model,
            Data = options.Data with { Threads = data.Threads, Prefetch = data.Prefetch },
            Training = options.Training with
            {
                MicroBatch = HasBatchNorm(options.Model.Image) ? options.Training.MicroBatch : training.MicroBatch,
                ActivationCheckpointing = training.ActivationCheckpointing,
                ShardOptimizer = training.ShardOptimizer,
                LossTileRows = training.LossTileRows,
                StartFromSha256 = null,
            },
            Cluster = new ClusterOptions { Device = options.Cluster.Device },
        };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ConfigWriter.WriteChanged(agreed))));
    }

    private static bool HasBatchNorm(ImageTowerOptions image) =>
        image.Architecture == ImageArchitecture.Resnet || image.PatchEmbedding == PatchEmbedding.ConvStem;
}
