namespace ClipTrain.DataPipeline.Images;

/// <summary>Arithmetic on RGBX pixels, two channels at a time in the halves of 32 bits.</summary>
internal static class PackedPixel
{
    /// <summary>Sum of the weights of a weighted mean.</summary>
    public const int One = 256;

    /// <summary>The first and third of four bytes.</summary>
    public const uint Even = 0x00FF00FF;

    /// <summary>One half of <see cref="One"/> in each half: rounds a weighted mean.</summary>
    public const uint Half = 0x00800080;

    /// <summary>The mean of two pixels with weights One − weight and weight, rounded.</summary>
    public static uint Mix(uint first, uint second, uint weight)
    {
        var rest = One - weight;
        var even = ((first & Even) * rest) + ((second & Even) * weight) + Half;
        var odd = ((first >> 8 & Even) * rest) + ((second >> 8 & Even) * weight) + Half;
        return (even >> 8 & Even) | (odd & ~Even);
    }
}
