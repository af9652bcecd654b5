namespace ClipTrain.Torch.Collectives;

/// <summary>
/// A group could not be made or a collective failed: a peer left, a connection broke, the time-out passed, or the wait was
/// aborted. A group that threw it stays broken: abandon it and make a new one over a <see cref="PrefixStore"/> with a new prefix.
/// </summary>
public sealed class DistributedException : Exception
{
    public DistributedException(string message)
        : base(message) { }

    public DistributedException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Whether the caller's token ended the wait, rather than a failure of the collective.</summary>
    public bool Aborted { get; init; }
}
