using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// A crop of a JPEG as a square of RGBX, converted to RGB only after resizing: chroma is resampled from its stored size, and only the
/// remaining pixels are converted. Not thread-safe.
/// </summary>
internal sealed unsafe class PlanarView : IDisposable
{
    private readonly ImageDecoder _decoder;
    private readonly int _side;
    private readonly bool _vectorised;
    private readonly JpegPlanes _planes = new();
    private readonly PlaneResampler _resampler;
    private short* _luma,
        _blue,
        _red;

    public PlanarView(ImageDecoder decoder, int side)
        : this(decoder, side, Avx2.IsSupported) { }

    /// <summary>For tests: the portable path produces the same bytes.</summary>
    internal PlanarView(ImageDecoder decoder, int side, bool vectorised)
    {
        (_decoder, _side, _vectorised) = (decoder, side, vectorised);
        _resampler = new PlaneResampler(side, vectorised);
        var length = PlaneResampler.ResultLength(side);
        _luma = (short*)NativeMemory.AlignedAlloc((nuint)(3 * length * sizeof(short)), 64);
        _blue = _luma + length;
        _red = _blue + length;
    }

    /// <summary>Decodes with sides divided by divisor and writes side × side pixels, to a block with 64 bytes to spare.</summary>
    /// <exception cref="ImageDecodeException">The image is damaged or truncated.</exception>
    public void Read(ReadOnlySpan<byte> jpeg, JpegHeader header, int divisor, PixelBox box, byte* rgbx)
    {
        _decoder.Decode(jpeg, header, divisor, _planes);
        Aim(_planes.Luma, divisor, divisor, box);
        _resampler.Resample(_planes.Luma, _luma);
        if (_planes.HasColour)
        {
            var (x, y) = header.ChromaFactors!.Value;
            Aim(_planes.Blue, divisor * x, divisor * y, box);
            _resampler.Resample(_planes.Blue, _blue);
            _resampler.Resample(_planes.Red, _red);
        }

        var stride = PlaneResampler.ResultStride(_side);
        for (var row = 0; row < _side; row++, rgbx += _side * PixelBuffer.BytesPerPixel)
        {
            var at = row * stride;
            if (!_planes.HasColour)
            {
                YcbcrRow.ConvertGrey(_luma + at, _side, rgbx);
            }
            else if (_vectorised)
            {
                YcbcrRow.ConvertAvx2(_luma + at, _blue + at, _red + at, _side, rgbx);
            }
            else
            {
                YcbcrRow.ConvertPortable(_luma + at, _blue + at, _red + at, _side, rgbx);
            }
        }

        _planes.Trim();
    }

    public void Dispose()
    {
        _planes.Dispose();
        _resampler.Dispose();
        NativeMemory.AlignedFree(_luma);
        _luma = _blue = _red = null;
    }

    private void Aim(PlaneBuffer plane, double factorX, double factorY, PixelBox box) =>
        _resampler.Aim(plane.Width, plane.Height, box.X / factorX, box.Y / factorY, box.Width / factorX, box.Height / factorY);
}
