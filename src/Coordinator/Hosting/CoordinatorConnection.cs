using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>How a worker connects, and whom it trusts.</summary>
internal static class CoordinatorConnection
{
    /// <param name="trustedCertificate">PEM file of the authorities to trust instead of the system's; null for the system's.</param>
    /// <exception cref="CoordinatorStartException">The file cannot be read.</exception>
    public static SocketsHttpHandler Create(string? trustedCertificate) => new()
    {
        // A proxy set for the outside world must not stand between processes of one run.
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trustedCertificate is null ? null : TrustOnly(trustedCertificate) },
    };

    /// <summary>What is wrong with the coordinator's certificate, which no other attempt will find better; null when the error is another.</summary>
    public static string? Distrust(Exception error) => error switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: AuthenticationException { InnerException: null } reason } =>
            $"{reason.Message} Give the certificate of its authority with --ca or {WorkerEnvironment.TrustedCertificateVariable}, and connect by a name or address that the certificate holds.",
        _ => null,
    };

    private static X509ChainPolicy TrustOnly(string file)
    {
        // A certificate that was made for one run has nobody who would list it as revoked.
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CoordinatorStartException($"The trusted certificate {file} cannot be read: {error.Message}", error);
        }

        return policy.CustomTrustStore.Count > 0 ? policy : throw new CoordinatorStartException($"The trusted certificate {file} holds no certificate in PEM form.");
    }
}
