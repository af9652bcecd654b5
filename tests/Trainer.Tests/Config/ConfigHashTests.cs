using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class ConfigHashTests
{
    [Theory]
    [InlineData("seed=1")]
    [InlineData("model.image.layers=2")]
    [InlineData("model.activation=quick_gelu")]
    [InlineData("data.train=[other]")]
    [InlineData("data.caption_column=text")]
    [InlineData("data.crop.min_scale=0.5")]
    [InlineData("data.augmentation.blur.probability=0.5")]
    [InlineData("data.shuffle_window=3")]
    [InlineData("training.global_batch=16")]
    [InlineData("training.learning_rate=0.1")]
    [InlineData("training.precision=bf16")]
    [InlineData("training.start_from=weights.safetensors")]
    [InlineData("cluster.device=cuda")]
    public void Options_that_change_the_mathematics_change_the_hash(string set)
    {
        using var file = new RunFile();

        Assert.NotEqual(ConfigHash.Of(file.Load()), ConfigHash.Of(file.Load(set)), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("name=other")]
    [InlineData("data.threads=3")]
    [InlineData("data.prefetch=9")]
    [InlineData("cluster.workers=4")]
    [InlineData("cluster.threads_per_worker=4")]
    [InlineData("cluster.port=4000")]
    [InlineData("cluster.collective_timeout_seconds=9")]
    [InlineData("training.micro_batch=4")]
    [InlineData("training.activation_checkpointing=block")]
    [InlineData("training.shard_optimizer=true")]
    [InlineData("training.loss_tile_rows=64")]
    [InlineData("checkpoint.keep=9")]
    [InlineData("evaluation.retrieval=[{name: a, data: [b]}]")]
    [InlineData("output.directory=elsewhere")]
    public void Options_that_may_differ_between_machines_do_not_change_the_hash(string set)
    {
        using var file = new RunFile();

        Assert.Equal(ConfigHash.Of(file.Load()), ConfigHash.Of(file.Load(set)));
    }

    [Theory]
    [InlineData("model.image.patch_embedding=conv_stem")]
    [InlineData("model.image={architecture: resnet, size: 64, width: 8, blocks: [1, 1, 1, 1], heads: 4}")]
    public void Micro_batches_change_the_hash_only_if_BatchNorm_uses_their_statistics(string set)
    {
        using var file = new RunFile();

        Assert.NotEqual(ConfigHash.Of(file.Load(set)), ConfigHash.Of(file.Load(set, "training.micro_batch=4")), StringComparer.Ordinal);
        Assert.Equal(ConfigHash.Of(file.Load(set)), ConfigHash.Of(file.Load(set, "training.micro_batch=0")));
    }

    [Fact]
    public void The_resolved_config_file_has_the_hash_of_the_run()
    {
        using var file = new RunFile();
        using var resolved = new RunFile(ConfigWriter.Write(file.Load()));

        Assert.Equal(ConfigHash.Of(file.Load()), ConfigHash.Of(resolved.Load()));
        Assert.Matches("^[0-9a-f]{64}$", ConfigHash.Of(file.Load()));
    }

    [Fact]
    public void A_key_at_its_default_does_not_change_the_hash()
    {
        using var file = new RunFile();

        var agreed = ConfigWriter.WriteChanged(file.Load());

        Assert.DoesNotContain("alerts", agreed, StringComparison.Ordinal);
        Assert.DoesNotContain("caption_column", agreed, StringComparison.Ordinal);
        Assert.Contains("global_batch", agreed, StringComparison.Ordinal);
        Assert.Equal(ConfigHash.Of(file.Load()), ConfigHash.Of(file.Load("training.max_logit_scale=100")));
    }
}
