using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.Soak;

/// <summary>Gives each host its own network namespace.</summary>
internal sealed class SeparateHosts(int hosts) : IHosts
{
    private readonly NetworkHosts _network = new(hosts);

    public string Address(int host) => NetworkHosts.Address(host);

    public IReadOnlyList<string> Prefix(int host) => _network.Enter(host);

    public void Cut(int host) => _network.Cut(host);

    public void Return(int host) => _network.Return(host);

    public void Dispose() => _network.Dispose();
}
