using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>Fixed sine positions. open_clip stores them as a tensor, with zeros for the class token; ClipTrain computes them.</summary>
internal static class SinePositions
{
    private const string Name = "visual.positional_embedding";
    private const float Tolerance = 1e-5f;

    /// <summary>Drops the tensor after checking that it contains the computed values.</summary>
    /// <exception cref="WeightsException">The tensor contains other values.</exception>
    public static IWeights Without(IWeights weights, ImageTowerOptions image)
    {
        if (image.Positions != ImagePositions.Sine || !weights.Shapes.ContainsKey(Name))
        {
            return weights;
        }

        var expected = Table(image);
        var there = new float[weights.Shapes[Name].Aggregate(1L, (product, size) => product * size)];
        weights.Read(Name, there);
        if (there.Length != expected.Length || there.Zip(expected).Any(pair => !(Math.Abs(pair.First - pair.Second) <= Tolerance)))
        {
            throw new WeightsException($"{weights.Path}: '{Name}' does not contain the sine positions that its configuration specifies.");
        }

        return new ComposedWeights(
            weights,
            weights
                .Shapes.Keys.Where(name => name != Name)
                .ToDictionary(name => name, name => ComposedWeights.Same(weights, name), StringComparer.Ordinal)
        );
    }

    /// <summary>Adds the tensor.</summary>
    public static IWeights With(IWeights weights, ImageTowerOptions image)
    {
        if (image.Positions != ImagePositions.Sine)
        {
            return weights;
        }

        var tensors = weights.Shapes.Keys.ToDictionary(name => name, name => ComposedWeights.Same(weights, name), StringComparer.Ordinal);
        tensors[Name] = new ComposedTensor([PatchGrid.Of(image).Count + 1, image.Width], destination => Table(image).CopyTo(destination));
        return new ComposedWeights(weights, tensors);
    }

    private static float[] Table(ImageTowerOptions image) =>
        [.. new float[image.Width], .. PositionTable.Sine(PatchGrid.Of(image).Side, image.Width)];
}
