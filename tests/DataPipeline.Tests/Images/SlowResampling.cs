using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

/// <summary>Antialiased resampling of one axis, straight from its definition.</summary>
internal static class SlowResampling
{
    public static byte[] Horizontal(byte[] rgb, int width, int height, int scaled, ResampleFilter filter = ResampleFilter.Bicubic)
    {
        var result = new byte[scaled * height * 3];
        for (var y = 0; y < height; y++)
        {
            for (var c = 0; c < 3; c++)
            {
                var row = Enumerable.Range(0, width).Select(x => rgb[(((y * width) + x) * 3) + c]).ToArray();
                for (var x = 0; x < scaled; x++)
                {
                    result[(((y * scaled) + x) * 3) + c] = Sample(row, scaled, x, filter);
                }
            }
        }

        return result;
    }

    public static byte[] Vertical(byte[] rgb, int width, int height, int scaled, ResampleFilter filter = ResampleFilter.Bicubic)
    {
        var result = new byte[width * scaled * 3];
        for (var x = 0; x < width * 3; x++)
        {
            var column = Enumerable.Range(0, height).Select(y => rgb[(y * width * 3) + x]).ToArray();
            for (var y = 0; y < scaled; y++)
            {
                result[(y * width * 3) + x] = Sample(column, scaled, y, filter);
            }
        }

        return result;
    }

    private static byte Sample(byte[] values, int scaled, int i, ResampleFilter filter)
    {
        var scale = (double)values.Length / scaled;
        var stretch = Math.Max(1, scale);
        var weights = values
            .Select((_, j) => (j + 0.5 - ((i + 0.5) * scale)) / stretch)
            .Select(x => filter == ResampleFilter.Bicubic ? Keys(x) : Math.Max(0, 1 - Math.Abs(x)))
            .ToArray();
        return (byte)Math.Clamp(Math.Round(values.Zip(weights, (v, w) => v * w).Sum() / weights.Sum()), 0, 255);
    }

    private static double Keys(double x) =>
        Math.Abs(x) switch
        {
            < 1 and var t => (1.5 * t * t * t) - (2.5 * t * t) + 1,
            < 2 and var t => (-0.5 * t * t * t) + (2.5 * t * t) - (4 * t) + 2,
            _ => 0,
        };
}
