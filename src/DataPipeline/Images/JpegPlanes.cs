namespace ClipTrain.DataPipeline.Images;

/// <summary>A JPEG as it is stored: luma, and where there is colour two planes of chroma, which may be smaller (JFIF's YCbCr).</summary>
internal sealed class JpegPlanes : IDisposable
{
    public PlaneBuffer Luma { get; } = new();

    public PlaneBuffer Blue { get; } = new();

    public PlaneBuffer Red { get; } = new();

    public bool HasColour { get; set; }

    public void Trim()
    {
        Luma.Trim();
        Blue.Trim();
        Red.Trim();
    }

    public void Dispose()
    {
        Luma.Dispose();
        Blue.Dispose();
        Red.Dispose();
    }
}
