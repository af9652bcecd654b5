namespace ClipTrain.DataPipeline.Images;

/// <summary>Compresses squares as JPEG and decodes them again. Not thread-safe.</summary>
/// <param name="side">Side of the squares.</param>
internal sealed unsafe class JpegRoundTrip(int side) : IDisposable
{
    private readonly PixelBuffer _picture = new();
    private JpegEncoder? _encoder;
    private ImageDecoder? _decoder;

    /// <param name="square">RGBX, changed in place.</param>
    /// <param name="quality">1 to 100, rounded.</param>
    public void Apply(Span<uint> square, double quality)
    {
        _encoder ??= new JpegEncoder();
        _decoder ??= new ImageDecoder();
        _picture.Resize(side, side);
        square.CopyTo(new Span<uint>(_picture.Pixels, square.Length));
        _decoder.Decode(_encoder.Write(_picture, (int)Math.Round(quality)), _picture);
        new ReadOnlySpan<uint>(_picture.Pixels, square.Length).CopyTo(square);
    }

    public void Dispose()
    {
        _encoder?.Dispose();
        _decoder?.Dispose();
        _picture.Dispose();
    }
}
