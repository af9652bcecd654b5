using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class ImageVariantTests
{
    public static TheoryData<string> Models => [.. ModelVariants.All.Keys];

    [Theory]
    [InlineData(8, null, Precision.Fp32)]
    [InlineData(8, 4, Precision.Fp32)]
    [InlineData(12, 3, Precision.Fp32)]
    [InlineData(1, null, Precision.Fp32)]
    [InlineData(8, null, Precision.Bf16)]
    [InlineData(8, 4, Precision.Bf16)]
    public void Flatten_and_linear_equals_the_convolution_with_the_same_weights(int patch, int? stride, Precision precision)
    {
        using var guard = no_grad();
        var linear = TinyClip.Model with { Image = TinyClip.Model.Image with { Patch = patch, Stride = stride } };
        using var one = new ClipModel(linear, precision, 3);
        using var other = new ClipModel(
            linear with
            {
                Image = linear.Image with { PatchEmbedding = PatchEmbedding.Convolution },
            },
            precision,
            3
        );
        Assert.Equal(one.Parameters.Master.AsSpan<float>(), other.Parameters.Master.AsSpan<float>());
        var images = TinyClip.Batch(0, 4).Images_b3SS;
        var expected = other.EncodeImage(images);
        Assert.InRange(
            Norms.RelativeDifference(one.EncodeImage(images).AsSpan<float>(), expected.AsSpan<float>()),
            0,
            precision == Precision.Fp32 ? 2e-6 : 0.02
        );
    }

    [Theory, MemberData(nameof(Models))]
    public void Every_parameter_has_a_gradient_in_both_precisions(string variant)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            using var model = new ClipModel(ModelVariants.All[variant], precision, 3);
            ModelVariants.GiveResidualsWeight(model.Parameters);
            var batch = TinyClip.Batch(0, 6, tower: model.Options.Image);
            var image = model.PassImage(batch.Images_b3SS, null, ActivationCheckpointing.Block, new BatchStatistics(model.Parameters));
            var text = model.PassText(batch.Tokens_bL, batch.Ends_b, batch.LongestEnd(), ActivationCheckpointing.Block);
            Assert.Equal([6L, 24L], image.Embedding_bD.shape);
            Assert.Equal([6L, 24L], text.Embedding_bD.shape);
            image.Backward(randn([6, 24]));
            text.Backward(randn([6, 24]));
            model.Parameters.Collect();
            foreach (var spec in model.Parameters.Specs.Where(spec => !spec.IsStatistic && spec.Name != ClipModel.LogitScale))
            {
                var gradient = model.Parameters.View(model.Parameters.Gradients, spec.Name).AsSpan<float>().ToArray();
                Assert.True(gradient.All(float.IsFinite) && gradient.Any(value => value != 0), $"{spec.Name} in {precision}");
            }
        }
    }

    [Theory]
    [InlineData(PatchEmbedding.Linear)]
    [InlineData(PatchEmbedding.Convolution)]
    [InlineData(PatchEmbedding.ConvStem)]
    public void Every_patch_embedding_supports_patch_dropout(PatchEmbedding embedding)
    {
        using var guard = no_grad();
        var options = TinyClip.Model.Image with
        {
            PatchEmbedding = embedding,
            Pooling = ImagePooling.Average,
            Registers = 2,
            PatchDropout = 0.5,
        };
        using var model = new ClipModel(TinyClip.Model with { Image = options }, Precision.Fp32, 3);
        var images = TinyClip.Batch(0, 4).Images_b3SS;
        var all = arange(9, int64).unsqueeze(0).expand([4, 9]);
        Assert.InRange(
            Norms.RelativeDifference(model.EncodeImage(images, all).AsSpan<float>(), model.EncodeImage(images).AsSpan<float>()),
            0,
            1e-6
        );
        Assert.NotInRange(
            Norms.RelativeDifference(
                model.EncodeImage(images, all.narrow(1, 0, 4)).AsSpan<float>(),
                model.EncodeImage(images).AsSpan<float>()
            ),
            0,
            1e-3
        );
    }

    [Fact]
    public void Without_positions_the_order_of_patches_does_not_matter_and_with_them_it_does()
    {
        using var guard = no_grad();
        var images = TinyClip.Batch(0, 4).Images_b3SS;
        var swapped = cat([images.narrow(2, 8, 8), images.narrow(2, 0, 8), images.narrow(2, 16, 8)], 2);
        foreach (var positions in Enum.GetValues<ImagePositions>())
        {
            using var model = new ClipModel(
                TinyClip.Model with
                {
                    Image = TinyClip.Model.Image with { Positions = positions },
                },
                Precision.Fp32,
                3
            );
            var difference = Norms.RelativeDifference(
                model.EncodeImage(swapped).AsSpan<float>(),
                model.EncodeImage(images).AsSpan<float>()
            );
            Assert.Equal(positions == ImagePositions.None, difference < 1e-6);
        }
    }
}
