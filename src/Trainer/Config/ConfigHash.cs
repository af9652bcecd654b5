using System.Security.Cryptography;
using System.Text;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>
/// Hash of the options on which all workers of a run must agree: seed, model, corpus, augmentation, training and kind of device.
/// Options that may differ between machines or change on resuming are excluded: name, output, checkpoints, evaluation, number of
/// workers, threads, prefetching, port and timeouts. So are options that affect only memory, time and rounding: activation
/// checkpointing, optimizer sharding, loss tiles, and micro-batches of models without BatchNorm. The weights of training.start_from
/// have a hash that is computed when the run begins and checked when they are read. Default values are excluded too, so that a new
/// option in a later version does not change the hash of an existing run.
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
