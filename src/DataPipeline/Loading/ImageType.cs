namespace ClipTrain.DataPipeline.Loading;

/// <summary>The type of an image's values in a batch.</summary>
public enum ImageType
{
    /// <summary>fp32, normalised.</summary>
    Fp32,

    /// <summary>bf16, normalised in fp32 and rounded to nearest even.</summary>
    Bf16,

    /// <summary>0 to 255, to be normalised where the model is: a quarter of fp32's bytes to hold and to copy.</summary>
    UInt8,
}

public static class ImageTypeExtensions
{
    /// <summary>Bytes of one value.</summary>
    public static int Bytes(this ImageType type) =>
        type switch
        {
            ImageType.Fp32 => sizeof(float),
            ImageType.Bf16 => sizeof(ushort),
            ImageType.UInt8 => sizeof(byte),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such type of images"),
        };
}
