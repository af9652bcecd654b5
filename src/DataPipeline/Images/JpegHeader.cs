namespace ClipTrain.DataPipeline.Images;

/// <summary>What a JPEG says of itself.</summary>
/// <param name="Width">Stored width in pixels.</param>
/// <param name="Height">Stored height in pixels.</param>
/// <param name="Subsampling">TurboJPEG's number of how chroma is sampled.</param>
/// <param name="Colourspace">TurboJPEG's number of the colour space.</param>
internal readonly record struct JpegHeader(int Width, int Height, int Subsampling, int Colourspace)
{
    /// <summary>Width and height of a block, over those of the chroma that belongs to it; null where planes are not of this kind.</summary>
    public (int X, int Y)? ChromaFactors =>
        Subsampling switch
        {
            _ when Colourspace is not (NativeTurboJpeg.ColourspaceYCbCr or NativeTurboJpeg.ColourspaceGray) => null,
            NativeTurboJpeg.Subsampling444 or NativeTurboJpeg.SubsamplingGray => (1, 1),
            NativeTurboJpeg.Subsampling422 => (2, 1),
            NativeTurboJpeg.Subsampling420 => (2, 2),
            NativeTurboJpeg.Subsampling440 => (1, 2),
            NativeTurboJpeg.Subsampling411 => (4, 1),
            _ => null,
        };

    public bool IsCmyk => Colourspace is NativeTurboJpeg.ColourspaceCmyk or NativeTurboJpeg.ColourspaceYcck;

    /// <summary>
    /// By what the picture can be divided while decoding so that the box is not smaller than side × side: 1, 2, 4 or 8, for which
    /// libjpeg-turbo has SIMD.
    /// </summary>
    public static int Divisor(PixelBox box, int side)
    {
        var divisor = 1;
        while (divisor < 8 && Math.Min(box.Width, box.Height) >= 2L * divisor * side)
            divisor *= 2;
        return divisor;
    }
}
