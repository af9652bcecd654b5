using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;

namespace ClipTrain.Coordinator.Tests.Security;

public sealed class TlsIdentityTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    [Fact]
    public void Members_that_one_authority_has_signed_trust_each_other_and_nobody_else()
    {
        using var another = new TestAuthority();
        var mine = _authority.Identity();

        Assert.Null(mine.Distrust(_authority.Identity().Certificate));
        Assert.NotNull(mine.Distrust(another.Identity().Certificate));
        Assert.NotNull(mine.Distrust(remote: null));
    }

    [Fact]
    public void A_file_that_is_missing_is_named()
    {
        var (certificate, key) = _authority.Sign(validDays: 1);

        AssertRefused("no-certificate.pem", () => Load("no-certificate.pem", key, _authority.AuthorityFile));
        AssertRefused("no-key.pem", () => Load(certificate, "no-key.pem", _authority.AuthorityFile));
        AssertRefused("no-authority.pem", () => Load(certificate, key, "no-authority.pem"));
    }

    [Fact]
    public void A_file_without_what_it_should_hold_is_named()
    {
        var (certificate, key) = _authority.Sign(validDays: 1);
        var empty = _authority.Write("empty.pem", "");

        AssertRefused("empty.pem", () => Load(empty, key, _authority.AuthorityFile));
        AssertRefused("empty.pem", () => Load(certificate, empty, _authority.AuthorityFile));
        AssertRefused("empty.pem", () => Load(certificate, key, empty));
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused()
    {
        var (certificate, _) = _authority.Sign(validDays: 1);
        var (_, key) = _authority.Sign(validDays: 1);

        AssertRefused(key, () => Load(certificate, key, _authority.AuthorityFile));
    }

    [Fact]
    public void A_certificate_that_has_run_out_is_refused_with_its_dates()
    {
        var (certificate, key) = _authority.Sign(validDays: -1);

        AssertRefused("is valid from", () => Load(certificate, key, _authority.AuthorityFile));
    }

    [Fact]
    public void A_certificate_that_the_authority_has_not_signed_is_refused_before_anything_starts()
    {
        using var another = new TestAuthority();
        var (certificate, key) = another.Sign(validDays: 1);

        AssertRefused(_authority.AuthorityFile, () => Load(certificate, key, _authority.AuthorityFile));
    }

    public void Dispose() => _authority.Dispose();

    private static TlsIdentity Load(string certificate, string key, string authority) =>
        TlsIdentity.Load(certificate, key, authority, TimeProvider.System);

    private static void AssertRefused(string named, Func<TlsIdentity> load) =>
        Assert.Contains(named, Assert.Throws<CoordinatorStartException>(load).Message, StringComparison.Ordinal);
}
