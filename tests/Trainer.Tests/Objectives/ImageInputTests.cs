using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

public sealed class ImageInputTests
{
    [Fact]
    public void Bytes_normalised_on_the_device_equal_those_normalised_by_decoding_threads()
    {
        byte[] picture = [.. "P6\n48 48\n255\n"u8, .. Enumerable.Range(0, 48 * 48 * 3).Select(i => (byte)(i * 7 % 251))];
        using var scope = NewDisposeScope();
        var bytes = empty([1, 3, 24, 24], uint8);
        var expected = empty([1, 3, 24, 24], float32);
        Evaluate(ImageType.UInt8, bytes.AsSpan<byte>());
        Evaluate(ImageType.Fp32, MemoryMarshal.AsBytes(expected.AsSpan<float>()));
        var normalised = ImageInput.OnDevice(bytes, CPU);
        Assert.True(normalised.IsSame(expected));
        Assert.True(ImageInput.OnDevice(expected, CPU).IsSame(expected));

        void Evaluate(ImageType type, Span<byte> chw)
        {
            using var transform = new ClipImageTransform(new ImageTransformOptions(24) { Type = type });
            transform.Evaluate(picture, chw);
        }
    }

    [Theory]
    [InlineData("cpu", Precision.Fp32, ImageType.Fp32)]
    [InlineData("cpu", Precision.Bf16, ImageType.Bf16)]
    [InlineData("cuda", Precision.Bf16, ImageType.UInt8)]
    public void Images_have_the_compute_type_on_a_CPU_and_travel_as_bytes_to_a_GPU(string device, Precision precision, ImageType type)
    {
        var run = TinyClip.Run(precision) with { Cluster = new ClusterOptions { Device = device } };
        Assert.Equal(type, RunPlan.Images(run).Training.Type);
        Assert.Equal(type, RunPlan.Images(run).Evaluation.Type);
    }

    [Fact]
    public void Training_applies_every_image_option()
    {
        var data = new DataOptions
        {
            Train = ["unused"],
            Crop = new CropOptions
            {
                MinScale = 0.2,
                MaxScale = 0.7,
                MinRatio = 0.5,
                MaxRatio = 3,
            },
            Augmentation = new AugmentationOptions
            {
                Flip = 0.1,
                Grayscale = 0.3,
                Rotation = new RotationOptions { Probability = 0.4, Degrees = 7 },
                Border = new BorderOptions { Probability = 0.5, MaxWidth = 0.2 },
                Blur = new BlurOptions
                {
                    Probability = 0.6,
                    MinSigma = 0.5,
                    MaxSigma = 1.5,
                },
                Jpeg = new JpegOptions
                {
                    Probability = 0.7,
                    MinQuality = 11,
                    MaxQuality = 88,
                },
                ColorJitter = new ColorJitterOptions
                {
                    Probability = 0.8,
                    Brightness = 1,
                    Contrast = 2,
                    Saturation = 3,
                    Hue = 0.4,
                },
            },
            Jpeg = JpegDecode.Scaled,
            ExifOrientation = true,
            MaxImagePixels = 1000,
            MaxImageBytes = 2000,
            MaxImageSeconds = 3,
            AllowSvg = true,
        };
        var expected = new ImageTransformOptions(TinyClip.Model.Image.Size)
        {
            MinScale = 0.2,
            MaxScale = 0.7,
            MinRatio = 0.5,
            MaxRatio = 3,
            FlipProbability = 0.1,
            GreyscaleProbability = 0.3,
            Rotation = new RandomStrength(0.4, -7, 7),
            Border = new RandomStrength(0.5, 0, 0.2),
            Blur = new RandomStrength(0.6, 0.5, 1.5),
            Compression = new RandomStrength(0.7, 11, 88),
            Jitter = new ColourJitter(0.8, 1, 2, 3, 0.4),
            Jpeg = JpegDecode.Scaled,
            Orient = true,
            Limits = new ImageLimits
            {
                Pixels = 1000,
                Bytes = 2000,
                Time = TimeSpan.FromSeconds(3),
                Svg = true,
            },
        };
        Assert.Equal(expected, RunPlan.Images(TinyClip.Run() with { Data = data }).Training);
    }
}
