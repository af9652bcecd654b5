using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace ClipTrain.Weights.Tensors;

/// <summary>SHA-256 of the names and fp32 values of tensors; equal for the same weights in any format.</summary>
public sealed class WeightHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Hash of all tensors, in the order of their names, in lower-case hexadecimal.</summary>
    /// <exception cref="WeightsException">The tensors cannot be read.</exception>
    public static string Of(IWeights weights)
    {
        using var hash = new WeightHash();
        foreach (var (name, shape) in weights.Shapes.OrderBy(tensor => tensor.Key, StringComparer.Ordinal))
        {
            var numbers = new float[shape.Aggregate(1L, (product, size) => product * size)];
            weights.Read(name, numbers);
            hash.Add(name, numbers);
        }

        return hash.Finish();
    }

    /// <summary>Adds a tensor. The order matters.</summary>
    public void Add(string name, ReadOnlySpan<float> numbers)
    {
        _hash.AppendData(Encoding.UTF8.GetBytes(name));
        _hash.AppendData(MemoryMarshal.AsBytes(numbers));
    }

    /// <summary>Hash of everything added, in lower-case hexadecimal.</summary>
    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
