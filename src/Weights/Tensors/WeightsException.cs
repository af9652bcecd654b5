namespace ClipTrain.Weights.Tensors;

/// <summary>A checkpoint cannot be written or read; the message names the file and the reason.</summary>
public sealed class WeightsException : Exception
{
    public WeightsException(string message)
        : base(message) { }

    public WeightsException(string message, Exception inner)
        : base(message, inner) { }
}
