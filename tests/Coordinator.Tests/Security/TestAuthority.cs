using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Security;

namespace ClipTrain.Coordinator.Tests.Security;

/// <summary>A test authority and the certificates that it signs, as PEM files.</summary>
internal sealed class TestAuthority : IDisposable
{
    private static int _serial;

    private readonly TemporaryDirectory _directory = new();
    private readonly X509Certificate2 _authority;

    public TestAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=authority {Interlocked.Increment(ref _serial)}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true)
        );
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-9), DateTimeOffset.UtcNow.AddDays(9));
        AuthorityFile = Write("ca.pem", _authority.ExportCertificatePem());
    }

    public string AuthorityFile { get; }

    public TlsIdentity Identity()
    {
        var (certificate, key) = Sign(validDays: 1);
        return TlsIdentity.Load(certificate, key, AuthorityFile, TimeProvider.System);
    }

    /// <returns>Files of the certificate and its key.</returns>
    public (string Certificate, string Key) Sign(int validDays)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var serial = Interlocked.Increment(ref _serial);
        var request = new CertificateRequest("CN=member", key, HashAlgorithmName.SHA256);
        using var signed = request.Create(
            _authority,
            DateTimeOffset.UtcNow.AddDays(-5),
            DateTimeOffset.UtcNow.AddDays(validDays),
            BitConverter.GetBytes(serial)
        );
        return (Write($"{serial}.pem", signed.ExportCertificatePem()), Write($"{serial}-key.pem", key.ExportPkcs8PrivateKeyPem()));
    }

    public string Write(string name, string text)
    {
        File.WriteAllText(_directory.File(name), text);
        return _directory.File(name);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }
}
