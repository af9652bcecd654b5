using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public class TowerTests
{
    [Fact]
    public void Reading_one_token_of_a_block_equals_computing_all_and_selecting_it()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var block = new TransformerBlock(model.Parameters, "visual.transformer.resblocks.1.", 32, 2, Activation.QuickGelu);
        var x = randn([3, 10, 32]);
        var all = block.Forward(x, null).narrow(1, 4, 1).contiguous();
        var one = block.ForwardAt(x, sequence => sequence.narrow(1, 4, 1), null).contiguous();
        Assert.InRange(Norms.RelativeDifference(one.AsSpan<float>(), all.AsSpan<float>()), 0, 1e-6);
    }

    [Fact]
    public void Tokens_behind_the_end_of_text_change_nothing()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var batch = TinyClip.Batch(0, 6);
        var noisy = batch.Tokens_bL.clone();
        var tokens = noisy.AsSpan<long>();
        var ends = batch.Ends_b.AsSpan<long>();
        for (var i = 0; i < 6; i++)
        {
            tokens[(int)((i * 20) + ends[i] + 1)..((i + 1) * 20)].Fill(5);
        }

        var expected = model.EncodeText(batch.Tokens_bL, batch.Ends_b, batch.LongestEnd());

        Assert.Equal(expected.AsSpan<float>(), model.EncodeText(noisy, batch.Ends_b, batch.LongestEnd()).AsSpan<float>());
        var whole = model.EncodeText(noisy, batch.Ends_b, 19);
        Assert.InRange(Norms.RelativeDifference(whole.AsSpan<float>(), expected.AsSpan<float>()), 0, 1e-6);
    }

    [Fact]
    public void Embeddings_have_unit_length()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.Model, Precision.Bf16, 3);
        var batch = TinyClip.Batch(0, 5);
        foreach (
            var embeddings in new[]
            {
                model.EncodeImage(batch.Images_b3SS),
                model.EncodeText(batch.Tokens_bL, batch.Ends_b, batch.LongestEnd()),
            }
        )
        {
            Assert.Equal([5L, 24L], embeddings.shape);
            Assert.All((embeddings * embeddings).sum(1L).AsSpan<float>().ToArray(), square => Assert.Equal(1, square, 1e-5));
        }
    }

    [Theory]
    [InlineData("ViT-B-32", 151_277_313)]
    [InlineData("ViT-B-16", 149_620_737)]
    [InlineData("ViT-L-14", 427_616_513)]
    [InlineData("ViT-L-14-336", 427_944_193)]
    [InlineData("RN50", 102_007_137)]
    [InlineData("RN101", 119_688_033)]
    [InlineData("RN50x4", 178_300_601)]
    [InlineData("RN50x16", 290_979_217)]
    [InlineData("RN50x64", 623_258_305)]
    [InlineData("ViT-H-14", 986_109_441)]
    [InlineData("ViT-g-14", 1_366_678_273)]
    public void Models_have_as_many_parameters_as_the_released_ones(string name, long expected) =>
        Assert.Equal(expected, ClipModel.Specs(RunConfig.LoadModel(name)).Where(spec => !spec.IsStatistic).Sum(spec => spec.Count));

    [Fact]
    public void Initial_weights_are_a_function_of_the_seed_and_have_the_papers_standard_deviation()
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        using var same = new ClipModel(TinyClip.Model, Precision.Bf16, 3);
        using var other = new ClipModel(TinyClip.Model, Precision.Fp32, 4);
        Assert.Equal(model.Parameters.Master.AsSpan<float>(), same.Parameters.Master.AsSpan<float>());
        Assert.NotEqual(model.Parameters.Master.AsSpan<float>().ToArray(), other.Parameters.Master.AsSpan<float>().ToArray());

        Assert.Equal(Math.Log(1 / 0.07), model.Parameters["logit_scale"].item<float>(), 1e-6);
        AssertSpread(model, "token_embedding.weight", 0.02);
        AssertSpread(model, "positional_embedding", 0.01);
        AssertSpread(model, "transformer.resblocks.0.attn.in_proj_weight", Math.Pow(24, -0.5));
        AssertSpread(model, "visual.transformer.resblocks.2.attn.out_proj.weight", Math.Pow(32, -0.5) * Math.Pow(6, -0.5));
        AssertSpread(model, "visual.transformer.resblocks.2.mlp.c_fc.weight", Math.Pow(64, -0.5));
        Assert.All(model.Parameters["ln_final.weight"].AsSpan<float>().ToArray(), gain => Assert.Equal(1, gain));
    }

    private static void AssertSpread(ClipModel model, string name, double expected)
    {
        var values = model.Parameters[name].AsSpan<float>().ToArray();
        Assert.InRange(Math.Sqrt(values.Average(value => (double)value * value)), expected * 0.9, expected * 1.1);
    }
}
