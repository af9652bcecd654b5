using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>Norms of the summed gradient by tower, over the parameters that are not locked.</summary>
internal sealed class TowerNorms
{
    private readonly FlatSlice[][] _slices;

    public TowerNorms(FlatParameters parameters, ModelOptions model) =>
        _slices = [.. Enum.GetValues<Tower>().Select(tower => TowerSlices.Of(parameters, model, tower))];

    /// <summary>Norms by <see cref="Tower"/>; null for a tower without trained parameters. With slices, all ranks call it together.</summary>
    /// <param name="gradients">The whole gradient, or this rank's slice of it.</param>
    /// <param name="held">Part of the layout that <paramref name="gradients"/> covers.</param>
    /// <param name="group">The ranks that hold the other slices; null if every rank holds the whole gradient.</param>
    public double?[] Of(torch.Tensor gradients, FlatSlice held, RankGroup? group)
    {
        double[] squares = [.. _slices.Select(slices => slices.Sum(slice => SumOf(gradients, held, slice)))];
        if (group is not null)
        {
            var rows = group.AllGather([.. squares.Select(BitConverter.DoubleToInt64Bits)]);
            squares = [.. squares.Select((_, tower) => rows.Sum(row => BitConverter.Int64BitsToDouble(row[tower])))];
        }

        return [.. squares.Select((sum, tower) => _slices[tower].Length > 0 ? Math.Sqrt(sum) : (double?)null)];
    }

    private static double SumOf(torch.Tensor gradients, FlatSlice held, FlatSlice slice)
    {
        var part = slice.Intersect(held);
        return part.Length > 0 ? GradientNorm.SumOfSquares(gradients, part.From(held.Offset)) : 0;
    }
}
