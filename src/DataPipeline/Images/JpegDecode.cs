namespace ClipTrain.DataPipeline.Images;

/// <summary>How training decodes JPEGs; evaluation is always exact. docs/results.md states the differences.</summary>
public enum JpegDecode
{
    /// <summary>Colours are made after resizing, for the pixels that are left: within rounding and the interpolation of colour.</summary>
    Fast,

    /// <summary>Pillow's bytes: colour interpolated and converted at full size, then resized.</summary>
    Exact,

    /// <summary>
    /// As fast, and decoded at 1/2, 1/4 or 1/8 of the size (the smallest not under the crop's target) by dropping high frequencies.
    /// </summary>
    Scaled,
}
