namespace ClipTrain.Coordinator.Security;

/// <summary>The other end of a connection is not one to talk to. The message says why, and names the other end.</summary>
/// <param name="message">One sentence for the user.</param>
/// <param name="isFinal">True if another attempt would end the same way.</param>
/// <param name="innerException">What the connection reported, if it did.</param>
internal sealed class HandshakeException(string message, bool isFinal, Exception? innerException = null)
    : Exception(message, innerException)
{
    public bool IsFinal { get; } = isFinal;
}
