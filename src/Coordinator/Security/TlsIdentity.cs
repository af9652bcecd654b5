using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// Certificate of this process, and the authority whose certificates it trusts. Both ends of a connection show one. Names
/// in certificates do not count, because processes meet at addresses that nobody knows beforehand: whoever the authority
/// has signed is a member of the cluster.
/// </summary>
public sealed class TlsIdentity
{
    private readonly X509Certificate2Collection _authorities;

    private TlsIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities) =>
        (Certificate, _authorities) = (certificate, authorities);

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Reads PEM files.</summary>
    /// <param name="certificateFile">Certificate of this process.</param>
    /// <param name="keyFile">Its private key, not encrypted.</param>
    /// <param name="authorityFile">Certificates of the authorities to trust.</param>
    /// <param name="time">Tells whether the certificate is valid now.</param>
    /// <exception cref="CoordinatorStartException">A file cannot be read, they do not fit each other, or the certificate is not valid
    /// now.</exception>
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
                    + $"{certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm} UTC only. Make a new one, or set this machine's "
                    + "clock."
            );
        }

        return identity.Distrust(certificate) is { } reason
            ? throw new CoordinatorStartException(
                $"The certificate {certificateFile} is not one that the authority {authorityFile} has signed: {reason}"
            )
            : identity;
    }

    /// <summary>Why the other end's certificate is not to be trusted; null if it is.</summary>
    internal string? Distrust(X509Certificate2? remote)
    {
        if (remote is null)
        {
            return "it shows no certificate";
        }

        using var chain = new X509Chain
        {
            // A certificate made for one cluster has nobody who would list it as revoked.
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
