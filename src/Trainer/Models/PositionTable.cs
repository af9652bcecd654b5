using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>Position tables of a square grid, row by row.</summary>
public static class PositionTable
{
    private const double Base = 10_000;

    /// <summary>
    /// Fixed positions as in MAE and open_clip: half of the width encodes the column, half the row, each as sines followed by
    /// cosines of the frequencies 10000^(-4i/W).
    /// </summary>
    /// <param name="side">Side of the grid.</param>
    /// <param name="width">W, a multiple of 4.</param>
    /// <returns>side·side rows of W values.</returns>
    public static float[] Sine(int side, int width)
    {
        var quarter = width / 4;
        var table = new float[side * side * width];
        for (var place = 0; place < side * side; place++)
        {
            var row = table.AsSpan(place * width, width);
            var (y, x) = Math.DivRem(place, side);
            for (var i = 0; i < quarter; i++)
            {
                var frequency = Math.Pow(Base, -(double)i / quarter);
                (row[i], row[quarter + i]) = ((float)Math.Sin(x * frequency), (float)Math.Cos(x * frequency));
                (row[(2 * quarter) + i], row[(3 * quarter) + i]) = ((float)Math.Sin(y * frequency), (float)Math.Cos(y * frequency));
            }
        }

        return table;
    }

    /// <summary>
    /// True if the parameter is a position table of an image grid and the shape in the file is a table of the same width for
    /// another square grid, with the same number of tokens before the patches.
    /// </summary>
    public static bool IsOtherResolution(ParameterSpec spec, IReadOnlyList<long> shape) =>
        spec.Name.StartsWith("visual.", StringComparison.Ordinal)
        && spec.Name.EndsWith("positional_embedding", StringComparison.Ordinal)
        && shape.Count == 2
        && shape[1] == spec.Shape[1]
        && shape[0] != spec.Shape[0]
        && Others(shape[0]) == Others(spec.Shape[0]);

    /// <summary>
    /// Resamples learned positions to a grid of another size as open_clip does: bicubic, with an anti-aliasing filter. The position
    /// of the class token, present if the number of rows is no square, is copied.
    /// </summary>
    /// <param name="positions_LW">fp32.</param>
    /// <param name="rows">Number of rows of the new table.</param>
    public static torch.Tensor Resize(torch.Tensor positions_LW, long rows)
    {
        var (width, from, to) = (positions_LW.size(1), (long)Math.Sqrt(positions_LW.size(0)), (long)Math.Sqrt(rows));
        var others = Others(positions_LW.size(0));
        var grid_1Wss = positions_LW.narrow(0, others, from * from).reshape([1, from, from, width]).permute([0, 3, 1, 2]);
        var resized_LW = nn
            .functional.interpolate(grid_1Wss, [to, to], mode: InterpolationMode.Bicubic, align_corners: false, antialias: true)
            .permute([0, 2, 3, 1])
            .reshape([to * to, width]);
        return cat([positions_LW.narrow(0, 0, others), resized_LW], 0);
    }

    /// <summary>Number of rows beyond the largest square.</summary>
    private static long Others(long rows)
    {
        var side = (long)Math.Sqrt(rows);
        return rows - (side * side);
    }
}
