using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// Certificate of this process and the authority that it trusts. Both ends of a connection present one. Names in certificates are
/// ignored, because the addresses of processes are not known in advance: every certificate signed by the authority is a member of the
/// cluster.
/// </summary>
public sealed class TlsIdentity
{
    private readonly X509Certificate2Collection _authorities;

    private TlsIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities) =>
        (Certificate, _authorities) = (certificate, authorities);

    /// <summary>The certificate with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Reads PEM files.</summary>
    /// <param name="certificateFile">Certificate of this process.</param>
    /// <param name="keyFile">Its unencrypted private key.</param>
    /// <param name="authorityFile">Certificates of the trusted authorities.</param>
    /// <param name="time">Clock to check the certificate's validity.</param>
    /// <exception cref="CoordinatorStartException">A file cannot be read, the files do not match, or the certificate is not currently
    /// valid.</exception>
    public static TlsIdentity Load(string certificateFile, string keyFile, string authorityFile, TimeProvider time)
    {
        var authorities = Authorities(authorityFile);
        var certificate = Certified(certificateFile, keyFile);
        var identity = new TlsIdentity(certificate, authorities);
        var now = time.GetUtcNow().LocalDateTime;
        if (now < certificate.NotBefore || now > certificate.NotAfter)
        {
            throw new CoordinatorStartException(
                $"The certificate {certificateFile} is valid from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd HH:mm} to "
                    + $"{certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm} UTC only. Create a new one, or correct this machine's "
                    + "clock."
            );
        }

        return identity.Distrust(certificate) is { } reason
            ? throw new CoordinatorStartException(
                $"The certificate {certificateFile} is not signed by the authority {authorityFile}: {reason}"
            )
            : identity;
    }

    /// <summary>The reason to distrust the other end's certificate; null if it is trusted.</summary>
    internal string? Distrust(X509Certificate2? remote)
    {
        if (remote is null)
        {
            return "it presents no certificate";
        }

        using var chain = new X509Chain
        {
            // Certificates made for one cluster have no revocation list.
            ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck },
        };
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        return chain.Build(remote)
            ? null
            : string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.TrimEnd('.')).Distinct(StringComparer.Ordinal));
    }

    private static X509Certificate2Collection Authorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        Reading($"The authority's certificate {file}", () => authorities.ImportFromPemFile(file));
        return authorities.Count > 0
            ? authorities
            : throw new CoordinatorStartException($"The authority's certificate {file} holds no certificate in PEM form.");
    }

    private static X509Certificate2 Certified(string certificateFile, string keyFile)
    {
        X509Certificate2? certificate = null;
        Reading($"The certificate {certificateFile}", () => _ = X509Certificate2.CreateFromPem(File.ReadAllText(certificateFile)));
        Reading($"The key {keyFile}", () => File.ReadAllText(keyFile));
        Reading(
            $"The key {keyFile} of the certificate {certificateFile}",
            () => certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile)
        );
        return certificate!;
    }

    private static void Reading(string what, Action read)
    {
        try
        {
            read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new CoordinatorStartException($"{what} cannot be used: {error.Message}", error);
        }
    }
}
