namespace ClipTrain.Weights.Tensors;

/// <summary>Named tensors of a model that lie in files, in whatever format.</summary>
public interface IWeights : IDisposable
{
    /// <summary>Where they lie, for messages.</summary>
    string Path { get; }

    /// <summary>Names and shapes.</summary>
    IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>Reads a tensor's numbers, row-major and as fp32, into memory of its size.</summary>
    /// <exception cref="Checkpoints.WeightsException">There is no such tensor, or it is not of that size or of numbers.</exception>
    void Read(string name, Span<float> destination);
}

/// <summary>A checkpoint cannot be written or read; the message names the file and the reason.</summary>
public sealed class WeightsException : Exception
{
    public WeightsException(string message)
        : base(message) { }

    public WeightsException(string message, Exception inner)
        : base(message, inner) { }
}
