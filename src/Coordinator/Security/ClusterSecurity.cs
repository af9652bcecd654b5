namespace ClipTrain.Coordinator.Security;

/// <summary>What the processes of a cluster prove to each other before they exchange a message.</summary>
/// <param name="Token">Secret that all of them hold.</param>
/// <param name="Tls">Certificate of this process and the authority to trust; null for connections that are not encrypted.</param>
public sealed record ClusterSecurity(string Token, TlsIdentity? Tls = null)
{
    public string Token { get; } =
        string.IsNullOrWhiteSpace(Token) ? throw new ArgumentException("A cluster needs a token.", nameof(Token)) : Token;

    // The token must not end up in a log.
    public override string ToString() => Tls is null ? "token" : "token and TLS";
}
