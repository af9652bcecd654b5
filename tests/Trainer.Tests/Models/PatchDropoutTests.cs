using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public class PatchDropoutTests
{
    private const int Patches = 9;

    [Theory]
    [InlineData(0, 9)]
    [InlineData(0.25, 7)]
    [InlineData(0.5, 4)]
    [InlineData(0.75, 2)]
    [InlineData(0.99, 1)]
    public void Every_image_keeps_the_same_number_of_distinct_patches_in_order(double share, int expected)
    {
        Assert.Equal(expected, PatchDropout.Kept(Options(share)));
        if (expected == Patches)
        {
            Assert.Null(PatchDropout.Draw(Options(share), 1, Samples(0, 20)));
            return;
        }

        var kept = Draw(share, 1, Samples(0, 20)).Chunk(expected).ToArray();
        Assert.Equal(20, kept.Length);
        Assert.All(
            kept,
            row =>
            {
                Assert.Equal(row.Order().Distinct(), row);
                Assert.All(row, patch => Assert.InRange(patch, 0, Patches - 1));
            }
        );
    }

    [Fact]
    public void The_kept_patches_are_a_function_of_seed_epoch_and_sample_only()
    {
        var whole = Draw(0.5, 1, Samples(0, 40)).Chunk(4).ToArray();
        Assert.Equal(whole[13], Draw(0.5, 1, [new SampleRef(0, 13)]));
        Assert.NotEqual(whole.SelectMany(row => row), Draw(0.5, 2, Samples(0, 40)));
        Assert.NotEqual(whole.SelectMany(row => row), Draw(0.5, 1, Samples(1, 40)));
    }

    [Fact]
    public void Every_patch_is_equally_likely()
    {
        const int images = 9000;
        var counts = Draw(0.5, 5, Samples(0, images)).CountBy(patch => patch).ToDictionary();
        Assert.Equal(Patches, counts.Count);

        // Binomial with p = 4/9: five standard deviations.
        var expected = images * 4 / 9.0;
        Assert.All(
            counts.Values,
            count => Assert.InRange(count, expected - (5 * Math.Sqrt(expected * 5 / 9)), expected + (5 * Math.Sqrt(expected * 5 / 9)))
        );
    }

    [Fact]
    public void Keeping_every_patch_by_index_changes_nothing()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var images = TinyClip.Batch(0, 4).Images_b3SS;
        var all = arange(Patches, int64).unsqueeze(0).expand([4, Patches]);
        var expected = model.EncodeImage(images);
        Assert.InRange(Norms.RelativeDifference(model.EncodeImage(images, all).AsSpan<float>(), expected.AsSpan<float>()), 0, 1e-6);
    }

    [Fact]
    public void The_embedding_depends_on_exactly_the_kept_patches()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var images = TinyClip.Batch(0, 1).Images_b3SS;
        var kept = Draw(0.5, 7, Samples(0, 1));
        var expected = model.EncodeImage(images, tensor(kept, [1, kept.Length]));
        for (var patch = 0; patch < Patches; patch++)
        {
            var other = images.clone();
            other.narrow(2, patch / 3 * 8, 8).narrow(3, patch % 3 * 8, 8).add_(1);
            Assert.Equal(!kept.Contains(patch), expected.IsSame(model.EncodeImage(other, tensor(kept, [1, kept.Length]))));
        }
    }

    private static ImageTowerOptions Options(double share) => TinyClip.Model.Image with { PatchDropout = share };

    private static SampleRef[] Samples(long epoch, int count) => [.. Enumerable.Range(0, count).Select(i => new SampleRef(epoch, i))];

    private static long[] Draw(double share, ulong seed, SampleRef[] samples) =>
        PatchDropout.Draw(Options(share), seed, samples)!.AsSpan<long>().ToArray();
}
