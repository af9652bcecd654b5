namespace ClipTrain.Weights.Tensors;

/// <summary>Named tensors of a model in files of any format.</summary>
public interface IWeights : IDisposable
{
    /// <summary>Path of the file, for messages.</summary>
    string Path { get; }

    /// <summary>Shapes by tensor name.</summary>
    IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>Reads a tensor's values, row-major and as fp32, into memory of its size.</summary>
    /// <exception cref="WeightsException">There is no such tensor, or it has another size or is not numeric.</exception>
    void Read(string name, Span<float> destination);
}

/// <summary>Weights or a checkpoint cannot be written or read. The message names the file and the reason.</summary>
public sealed class WeightsException : Exception
{
    public WeightsException(string message)
        : base(message) { }

    public WeightsException(string message, Exception inner)
        : base(message, inner) { }
}
