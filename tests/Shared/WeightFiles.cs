using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Tests.Shared;

/// <summary>Files of weights whose numbers follow from a seed and the tensors' names.</summary>
internal static class WeightFiles
{
    public static void Write(string path, IReadOnlyList<TensorHeader> tensors, int seed)
    {
        using var file = File.Create(path);
        SafetensorsWriter.Write(
            file,
            tensors,
            new Dictionary<string, string>(StringComparer.Ordinal),
            (tensor, stream) =>
            {
                // Each tensor's numbers follow from its name, so that two that change places are seen.
                var random = new Random(seed + tensor.Name.Sum(letter => letter * 31));
                for (var i = 0; i < tensor.Count; i++)
                {
                    stream.Write(BitConverter.GetBytes((float)((random.NextDouble() * 2) - 1)));
                }
            }
        );
    }

    public static float[] Read(IWeights weights, string name)
    {
        var values = new float[weights.Shapes[name].Aggregate(1L, (product, size) => product * size)];
        weights.Read(name, values);
        return values;
    }
}
