using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class TlsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_worker_that_trusts_the_certificate_reaches_the_coordinator_by_https()
    {
        using var certificate = SelfSigned(IPAddress.Loopback);
        await using var host = await HostAsync(certificate);
        Assert.Equal("https", host.Address.Scheme);
        using var client = Client(host, Pem(certificate));
        Assert.Equal([], await client.RunsAsync());
    }

    [Fact]
    public async Task A_worker_that_does_not_trust_it_says_so_at_once_and_what_to_do()
    {
        using var certificate = SelfSigned(IPAddress.Loopback);
        using var other = SelfSigned(IPAddress.Loopback);
        await using var host = await HostAsync(certificate);
        foreach (var trusted in new[] { null, Pem(other) })
        {
            using var client = Client(host, trusted);
            var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => client.RunsAsync());
            Assert.StartsWith($"The certificate of the coordinator at https://127.0.0.1:{host.Address.Port} is not trusted", error.Message, StringComparison.Ordinal);
            Assert.Contains("--ca", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_trusted_certificate_of_another_address_is_not_enough()
    {
        using var certificate = SelfSigned(IPAddress.Parse("10.9.8.7"));
        await using var host = await HostAsync(certificate);
        using var client = Client(host, Pem(certificate));
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => client.RunsAsync());
    }

    [Fact]
    public async Task Over_https_the_token_is_needed_as_well()
    {
        using var certificate = SelfSigned(IPAddress.Loopback);
        await using var host = await HostAsync(certificate);
        using var client = new CoordinatorClient(new WorkerEnvironment(host.Address, "wrong", "", "") { TrustedCertificate = Pem(certificate) }, TimeProvider.System);
        Assert.Contains("token", (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => client.RunsAsync())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    public async Task A_file_that_holds_no_certificate_is_named(string? content)
    {
        var path = _directory.File("ca.pem");
        if (content is not null)
        {
            await File.WriteAllTextAsync(path, content);
        }

        var error = Assert.Throws<CoordinatorStartException>(() => new CoordinatorClient(new WorkerEnvironment(new Uri("https://127.0.0.1:1"), "token", "", "") { TrustedCertificate = path }, TimeProvider.System));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    private static Task<CoordinatorHost> HostAsync(X509Certificate2 certificate) =>
        CoordinatorHost.StartAsync(new CoordinatorHostOptions { Certificate = certificate }, TimeProvider.System);

    private static CoordinatorClient Client(CoordinatorHost host, string? trusted) =>
        new(new WorkerEnvironment(host.Address, host.Token, "", "") { TrustedCertificate = trusted }, TimeProvider.System);

    private static X509Certificate2 SelfSigned(IPAddress address)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=coordinator", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private string Pem(X509Certificate2 certificate)
    {
        var path = _directory.File($"{certificate.Thumbprint}.pem");
        File.WriteAllText(path, certificate.ExportCertificatePem());
        return path;
    }
}
