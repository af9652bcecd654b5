using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Import;

/// <summary>A square part of a drawing, in the drawing's units.</summary>
internal readonly record struct DrawingFrame(double Left, double Top, double Side)
{
    /// <summary>A channel below this is not white.</summary>
    private const byte White = 250;

    /// <summary>The frame that centres the raster's non-white pixels, with a margin around the longer side.</summary>
    /// <param name="raster">A square raster of this frame.</param>
    /// <param name="margin">White margin on each side, as a share of the longer side.</param>
    public unsafe DrawingFrame Around(PixelBuffer raster, double margin)
    {
        int left = raster.Width,
            top = raster.Height,
            right = -1,
            bottom = -1;
        for (var y = 0; y < raster.Height; y++)
        {
            var row = raster.Row(y);
            for (var x = 0; x < raster.Width; x++)
            {
                var pixel = row + (x * PixelBuffer.BytesPerPixel);
                if (pixel[0] >= White && pixel[1] >= White && pixel[2] >= White)
                {
                    continue;
                }

                (left, right) = (Math.Min(left, x), Math.Max(right, x));
                (top, bottom) = (Math.Min(top, y), y);
            }
        }

        // An all-white drawing stays as it is.
        if (right < 0)
        {
            return this;
        }

        var unit = Side / raster.Width;
        var side = Math.Max(right - left + 1, bottom - top + 1) * unit * (1 + (2 * margin));
        var (centreX, centreY) = (Left + ((left + right + 1) * unit / 2), Top + ((top + bottom + 1) * unit / 2));
        return new DrawingFrame(centreX - (side / 2), centreY - (side / 2), side);
    }
}
