using ClipTrain.Torch;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>Tables of positions of a square grid's places, row by row.</summary>
public static class PositionTable
{
    private const double Base = 10_000;

    /// <summary>
    /// Fixed positions as MAE's and open_clip's: half of the width for the column, half for the row, each the sines and then
    /// the cosines of as many frequencies, 10000^(-4i/W).
    /// </summary>
    /// <param name="side">Places a side.</param>
    /// <param name="width">W, a multiple of 4.</param>
    /// <returns>side·side rows of W.</returns>
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
    /// Learned positions for a grid of another side, resampled as open_clip does: bicubic with an anti-aliasing filter. Those of
    /// tokens before the patches stay.
    /// </summary>
    /// <param name="positions_LW">fp32; positions of other tokens, then of the patches.</param>
    /// <param name="side">Places a side of the new grid.</param>
    /// <param name="others">Tokens before the patches that have positions.</param>
    public static torch.Tensor Resize(torch.Tensor positions_LW, int side, int others)
    {
        var width = positions_LW.size(1);
        var from = (long)Math.Sqrt(positions_LW.size(0) - others);
        var grid_1Wss = positions_LW.narrow(0, others, from * from).reshape([1, from, from, width]).permute([0, 3, 1, 2]);
        var resized_LW = nn.functional.interpolate_bicubic(grid_1Wss, side, side).permute([0, 2, 3, 1]).reshape([(long)side * side, width]);
        return cat([positions_LW.narrow(0, 0, others), resized_LW], 0);
    }
}
