using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class ClipImageTransformTests(PillowReference reference)
{
    /// <summary>Far below one level of 255: the bytes are equal, but the normalisation rounds in another order.</summary>
    private const float Rounding = 2e-6f;

    [Fact]
    public void Evaluation_is_torchvisions_resize_and_centre_crop()
    {
        var cases = reference.Cases.Transform.Where(c => c.Box is null).ToArray();
        Assert.NotEmpty(cases);
        foreach (var item in cases)
        {
            using var transform = new ClipImageTransform(new ImageTransformOptions(item.Size));
            var chw = new float[3 * item.Size * item.Size];
            transform.Evaluate(reference.Encoded(item.Source), Bytes(chw));
            var difference = LargestDifference(reference.Floats(item.Expected), chw);
            Assert.True(difference <= Rounding, $"{item.Expected}: {difference}");
        }
    }

    [Fact]
    public unsafe void A_crop_is_resized_and_normalised_as_torchvision_does()
    {
        var cases = reference.Cases.Transform.Where(c => c.Box is not null).ToArray();
        Assert.NotEmpty(cases);
        using var decoder = new ImageDecoder();
        using var resampler = new PixelResampler();
        using var image = new PixelBuffer();
        var options = new ImageTransformOptions(96);
        var normalizer = new ChwWriter(options.Type, options.Normalization);
        foreach (var item in cases)
        {
            decoder.Decode(reference.Encoded(item.Source), image);
            var pixels = new byte[(96 * 96 * 4) + PixelResampler.RowSlack];
            var chw = new float[3 * 96 * 96];
            fixed (byte* p = pixels)
            {
                resampler.Resample(
                    image,
                    new PixelBox(item.Box![0], item.Box[1], item.Box[2], item.Box[3]),
                    96,
                    96,
                    new PixelBox(0, 0, 96, 96),
                    p
                );
                normalizer.Write(p, 96 * 96, Bytes(chw));
            }

            Assert.True(LargestDifference(reference.Floats(item.Expected), chw) <= Rounding, item.Expected);
        }
    }

    [Fact]
    public void The_same_key_gives_the_same_tensor_and_another_key_another_crop()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(64) { MinScale = 0.3 });
        var jpeg = reference.Encoded("transform-300x200.jpg");
        float[] Train(ulong sample)
        {
            var chw = new float[3 * 64 * 64];
            var random = new CounterRandom(5, 1, sample);
            transform.Train(jpeg, ref random, Bytes(chw));
            return chw;
        }

        Assert.Equal(Train(7), Train(7));
        Assert.NotEqual(Train(7), Train(8));
    }

    [Fact]
    public void Without_room_to_crop_training_and_evaluation_see_the_same_square_image()
    {
        using var transform = new ClipImageTransform(
            new ImageTransformOptions(224)
            {
                MinScale = 1,
                MinRatio = 1,
                MaxRatio = 1,
                Jpeg = JpegDecode.Exact,
            }
        );
        var jpeg = reference.Encoded("transform-224x224.jpg");
        float[] train = new float[3 * 224 * 224],
            evaluate = new float[3 * 224 * 224];
        var random = new CounterRandom(1, 2, 3);
        transform.Train(jpeg, ref random, Bytes(train));
        transform.Evaluate(jpeg, Bytes(evaluate));
        Assert.Equal(evaluate, train);
    }

    [Fact]
    public void A_bad_image_is_an_error_and_the_next_one_is_unharmed()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(32));
        var jpeg = reference.Encoded("420.jpg");
        float[] before = new float[3 * 32 * 32],
            after = new float[3 * 32 * 32];
        transform.Evaluate(jpeg, Bytes(before));
        Assert.Throws<ImageDecodeException>(() => transform.Evaluate(jpeg.AsSpan(0, jpeg.Length / 2), Bytes(after)));
        transform.Evaluate(jpeg, Bytes(after));
        Assert.Equal(before, after);
    }

    [Fact]
    public void A_span_of_another_size_than_the_result_is_refused()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(32));
        Assert.Throws<ArgumentException>(() => transform.Evaluate(reference.Encoded("420.jpg"), new byte[(3 * 32 * 32 * 4) - 1]));
    }

    [Fact]
    public void An_option_out_of_range_is_named()
    {
        ImageTransformOptions valid = new(32);
        Refused(valid with { Size = 0 }, nameof(valid.Size));
        Refused(valid with { MinScale = 0 }, nameof(valid.MinScale));
        Refused(valid with { MaxScale = 1.1 }, nameof(valid.MaxScale));
        Refused(valid with { MinRatio = 2, MaxRatio = 1 }, nameof(valid.MinRatio));
        Refused(valid with { Normalization = new([0, 0, 0], [1, 0, 1]) }, nameof(valid.Normalization));
        Refused(valid with { Normalization = new([0], [1, 1, 1]) }, nameof(valid.Normalization));

        static void Refused(ImageTransformOptions options, string name) =>
            Assert.Contains(
                name,
                Assert.Throws<ArgumentException>(() => new ClipImageTransform(options).Dispose()).Message,
                StringComparison.Ordinal
            );
    }

    private static Span<byte> Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan());

    private static float LargestDifference(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
    }
}
