using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.Tests.Security;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>Two silos that require TLS, for all tests of the class.</summary>
public sealed class TlsCluster : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();

    internal TestAuthority Authority { get; } = new();

    internal ClusterSecurity Security => TestSiloOptions.Token with { Tls = Authority.Identity() };

    internal TestSilo First { get; private set; } = null!;

    internal TestSilo Second { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        var identity = ClusterIdentity.Open(_directory.Path);
        First = await TestSilo.StartAsync(new TestSiloOptions(identity) { Security = Security, IsOneMachine = false });
        Second = await TestSilo.StartAsync(
            new TestSiloOptions(identity)
            {
                Name = "second",
                Security = Security,
                IsOneMachine = false,
            }
        );
    }

    public async Task DisposeAsync()
    {
        await Second.DisposeAsync();
        await First.DisposeAsync();
        Authority.Dispose();
        _directory.Dispose();
    }
}

public sealed class TlsClusterTests(TlsCluster cluster) : IClassFixture<TlsCluster>
{
    [Fact]
    public Task Silos_with_certificates_of_one_authority_form_a_cluster() => cluster.First.UntilActiveAsync("first", "second");

    [Fact]
    public async Task A_client_with_a_certificate_of_the_authority_and_the_token_is_let_in()
    {
        await using var client = await ConnectAsync(cluster.Security);

        Assert.NotEmpty(await client.Grains.GetGrain<ITestGrain>("where").WhereAsync());
    }

    [Fact]
    public async Task Without_a_certificate_the_client_learns_that_TLS_is_demanded() =>
        await AssertRefusedAsync("requires TLS. Set --certificate, --key and --ca.", TestSiloOptions.Token);

    [Fact]
    public async Task With_the_certificate_of_another_authority_the_client_does_not_trust_the_coordinator()
    {
        using var another = new TestAuthority();

        await AssertRefusedAsync(
            "presents a certificate that is not signed by the authority in --ca",
            TestSiloOptions.Token with
            {
                Tls = another.Identity(),
            }
        );
    }

    [Fact]
    public async Task A_client_that_the_coordinator_does_not_trust_is_told_so()
    {
        using var another = new TestAuthority();
        var (certificate, key) = another.Sign(validDays: 1);
        var both = another.Write(
            "both.pem",
            File.ReadAllText(another.AuthorityFile) + "\n" + File.ReadAllText(cluster.Authority.AuthorityFile)
        );

        await AssertRefusedAsync(
            "does not trust this process's certificate",
            TestSiloOptions.Token with
            {
                Tls = TlsIdentity.Load(certificate, key, both, TimeProvider.System),
            }
        );
    }

    [Fact]
    public async Task A_good_certificate_does_not_replace_the_token() =>
        await AssertRefusedAsync("rejects this token", new ClusterSecurity("guess", cluster.Authority.Identity()));

    private async Task AssertRefusedAsync(string words, ClusterSecurity security)
    {
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => ConnectAsync(security));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    private Task<ConnectedClient> ConnectAsync(ClusterSecurity security) =>
        ClusterClient.ConnectAsync(cluster.First.Seed, TestSiloOptions.Client with { Security = security }, CancellationToken.None);
}
