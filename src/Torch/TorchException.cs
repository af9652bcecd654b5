namespace ClipTrain.Torch;

/// <summary>libtorch refused or failed; the message has its text and, for an operator, the operator's schema.</summary>
public class TorchException : Exception
{
    public TorchException()
    {
    }

    public TorchException(string message)
        : base(message)
    {
    }

    public TorchException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// A store or a collective failed: a peer left, a connection broke, the time-out passed, or the wait was aborted. A process
/// group that threw it stays broken: abandon it and make a new one over a <c>PrefixStore</c> with a new prefix.
/// </summary>
public sealed class DistributedException : TorchException
{
    public DistributedException()
    {
    }

    public DistributedException(string message)
        : base(message)
    {
    }

    public DistributedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Whether the caller's token ended the wait, rather than a failure of the collective.</summary>
    public bool Aborted { get; init; }
}
