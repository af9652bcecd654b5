using ClipTrain.DataPipeline.Images;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Format in which images travel from the decoding threads to the towers. For a GPU they are bytes, normalised on the device; for a
/// CPU the decoding threads normalise them, in the compute type of the towers.
/// </summary>
/// <param name="size">Side of the towers' input in pixels.</param>
/// <param name="data">Crops, augmentation and limits.</param>
/// <param name="type">See <see cref="TypeFor"/>.</param>
public sealed class ImageInput(int size, DataOptions data, ImageType type)
{
    /// <summary>The transform of the training corpus, with random crops and augmentation.</summary>
    public ImageTransformOptions Training
    {
        get
        {
            var (crop, augmentation) = (data.Crop, data.Augmentation);
            var (rotation, jitter, blur, compression) = (
                augmentation.Rotation,
                augmentation.ColorJitter,
                augmentation.Blur,
                augmentation.Jpeg
            );
            return Evaluation with
            {
                MinScale = crop.MinScale,
                MaxScale = crop.MaxScale,
                MinRatio = crop.MinRatio,
                MaxRatio = crop.MaxRatio,
                FlipProbability = augmentation.Flip,
                Rotation = new RandomStrength(rotation.Probability, -rotation.Degrees, rotation.Degrees),
                Border = new RandomStrength(augmentation.Border.Probability, 0, augmentation.Border.MaxWidth),
                Jitter = new ColourJitter(jitter.Probability, jitter.Brightness, jitter.Contrast, jitter.Saturation, jitter.Hue),
                GreyscaleProbability = augmentation.Grayscale,
                Blur = new RandomStrength(blur.Probability, blur.MinSigma, blur.MaxSigma),
                Compression = new RandomStrength(compression.Probability, compression.MinQuality, compression.MaxQuality),
                Jpeg = data.Jpeg,
            };
        }
    }

    /// <summary>The transform of evaluation corpora: resize and centre crop.</summary>
    public ImageTransformOptions Evaluation =>
        new(size)
        {
            Type = type,
            Orient = data.ExifOrientation,
            Limits = new ImageLimits
            {
                Pixels = data.MaxImagePixels,
                Bytes = data.MaxImageBytes,
                Time = Time,
                Svg = data.AllowSvg,
            },
        };

    /// <summary>CPU time that one image may take.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(data.MaxImageSeconds);

    /// <summary>
    /// Element type of images on their way to a device: uint8 for a GPU, otherwise the compute type of the towers (fp32 for fp16).
    /// </summary>
    public static ImageType TypeFor(string device, Precision precision)
    {
        if (device != "cpu")
        {
            return ImageType.UInt8;
        }

        return precision == Precision.Bf16 ? ImageType.Bf16 : ImageType.Fp32;
    }

    /// <summary>A view of a loader's images as a tensor [count, 3, size, size]. Does not copy.</summary>
    public torch.Tensor Wrap(nint images, long count)
    {
        var dtype = type switch
        {
            ImageType.UInt8 => uint8,
            ImageType.Bf16 => bfloat16,
            _ => float32,
        };
        return TensorMemory.FromBlob(images, [count, 3, size, size], dtype);
    }

    /// <summary>Moves images to the towers' device; uint8 images become normalised fp32 there.</summary>
    public static torch.Tensor OnDevice(torch.Tensor images_b3SS, torch.Device device)
    {
        var placed_b3SS = images_b3SS.to(device);
        if (placed_b3SS.dtype != uint8)
        {
            return placed_b3SS;
        }

        // Channel by channel: tensors of factors would have to be copied to the device, which waits for all its work.
        var normalised_b3SS = placed_b3SS.to(float32);
        for (var channel = 0; channel < 3; channel++)
        {
            normalised_b3SS.select(1, channel).mul_(ImageNormalization.Clip.Factor(channel)).add_(ImageNormalization.Clip.Offset(channel));
        }

        return normalised_b3SS;
    }
}
