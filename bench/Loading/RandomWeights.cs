using System.Runtime.InteropServices;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Bench.Loading;

/// <summary>Random weights for a model, which no file system can compress.</summary>
internal sealed class RandomWeights(ModelOptions model) : IWeights
{
    public string Path => "random";

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; } =
        ClipModel.Specs(model).ToDictionary(spec => spec.Name, spec => spec.Shape, StringComparer.Ordinal);

    public void Read(string name, Span<float> destination)
    {
        new Random(name.Length).NextBytes(MemoryMarshal.AsBytes(destination));
        // The exponent is never all ones, so the numbers are finite.
        foreach (ref var value in MemoryMarshal.Cast<float, uint>(destination))
        {
            value &= 0xbfff_ffff;
        }
    }

    public void Dispose() { }
}
