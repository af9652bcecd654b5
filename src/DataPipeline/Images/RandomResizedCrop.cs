using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Location of a training crop: the algorithm of torchvision's RandomResizedCrop (Szegedy et al. 2015), with draws from the sample's own
/// generator.
/// </summary>
internal static class RandomResizedCrop
{
    private const int Tries = 10;

    /// <summary>
    /// Draws a box with a share of the area uniform in the scale range and a log aspect ratio uniform in the ratio range; after ten tries
    /// that do not fit, the largest centred box of an allowed ratio.
    /// </summary>
    public static PixelBox Draw(int width, int height, ImageTransformOptions options, ref CounterRandom random)
    {
        var area = (double)width * height;
        double logMin = Math.Log(options.MinRatio),
            logMax = Math.Log(options.MaxRatio);
        for (var i = 0; i < Tries; i++)
        {
            var target = area * random.NextDouble(options.MinScale, options.MaxScale);
            var ratio = Math.Exp(random.NextDouble(logMin, logMax));
            var w = Math.Round(Math.Sqrt(target * ratio));
            var h = Math.Round(Math.Sqrt(target / ratio));
            if (w >= 1 && w <= width && h >= 1 && h <= height)
            {
                var y = (int)random.NextInt64(height - (int)h + 1);
                var x = (int)random.NextInt64(width - (int)w + 1);
                return new PixelBox(x, y, (int)w, (int)h);
            }
        }

        return Centre(width, height, options);
    }

    /// <summary>The largest centred box whose aspect ratio is within the range.</summary>
    internal static PixelBox Centre(int width, int height, ImageTransformOptions options)
    {
        var ratio = (double)width / height;
        int w = width,
            h = height;
        if (ratio < options.MinRatio)
        {
            h = Math.Max(1, (int)Math.Round(width / options.MinRatio));
        }
        else if (ratio > options.MaxRatio)
        {
            w = Math.Max(1, (int)Math.Round(height * options.MaxRatio));
        }

        return new PixelBox((width - w) / 2, (height - h) / 2, w, h);
    }
}
