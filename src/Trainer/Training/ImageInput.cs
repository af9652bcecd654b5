using ClipTrain.DataPipeline.Images;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>
/// How a run's images come from the decoding threads to the towers. For a GPU they travel as bytes and are normalised
/// there; a CPU gets them normalised in the type that the towers compute in, by the decoding threads.
/// </summary>
public static class ImageInput
{
    /// <summary>The transform of the training corpus.</summary>
    public static ImageTransformOptions Training(RunOptions run)
    {
        var (crop, augmentation) = (run.Data.Crop, run.Data.Augmentation);
        var jitter = augmentation.ColorJitter;
        return Evaluation(run) with
        {
            MinScale = crop.MinScale,
            MaxScale = crop.MaxScale,
            MinRatio = crop.MinRatio,
            MaxRatio = crop.MaxRatio,
            FlipProbability = augmentation.Flip,
            Jitter = new ColourJitter(jitter.Probability, jitter.Brightness, jitter.Contrast, jitter.Saturation, jitter.Hue),
            GreyscaleProbability = augmentation.Grayscale,
            Jpeg = run.Data.Jpeg,
        };
    }

    /// <summary>The transform of evaluation's corpora.</summary>
    public static ImageTransformOptions Evaluation(RunOptions run) =>
        new(run.Model.Image.Size)
        {
            Type = Type(run),
            Orient = run.Data.ExifOrientation,
            Limits = new ImageLimits
            {
                Pixels = run.Data.MaxImagePixels,
                Bytes = run.Data.MaxImageBytes,
                Time = Time(run),
                Svg = run.Data.AllowSvg,
            },
        };

    /// <summary>Processor time that one image may take.</summary>
    public static TimeSpan Time(RunOptions run) => TimeSpan.FromSeconds(run.Data.MaxImageSeconds);

    /// <summary>A loader's images as a tensor [count, 3, side, side] over its memory.</summary>
    public static torch.Tensor Wrap(nint images, long count, RunOptions run)
    {
        var type = Type(run) switch
        {
            ImageType.UInt8 => uint8,
            ImageType.Bf16 => bfloat16,
            _ => float32,
        };
        return TensorMemory.FromBlob(images, [count, 3, run.Model.Image.Size, run.Model.Image.Size], type);
    }

    /// <summary>Images on the towers' device; bytes become normalised fp32 there.</summary>
    public static torch.Tensor OnDevice(torch.Tensor images_b3SS, torch.Device device)
    {
        var placed_b3SS = images_b3SS.to(device);
        if (placed_b3SS.dtype != uint8)
            return placed_b3SS;
        var factors_3 = tensor([.. Enumerable.Range(0, 3).Select(ImageNormalization.Clip.Factor)]).view([3, 1, 1]).to(device);
        var offsets_3 = tensor([.. Enumerable.Range(0, 3).Select(ImageNormalization.Clip.Offset)]).view([3, 1, 1]).to(device);
        return (placed_b3SS.to(float32) * factors_3) + offsets_3;
    }

    private static ImageType Type(RunOptions run)
    {
        if (run.Cluster.Device != "cpu")
            return ImageType.UInt8;
        return run.Training.Precision == Precision.Bf16 ? ImageType.Bf16 : ImageType.Fp32;
    }
}
