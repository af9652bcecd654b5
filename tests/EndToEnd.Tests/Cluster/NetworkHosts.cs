using System.Globalization;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>
/// Hosts of a network, built from network namespaces. Each has an address, 10.77.0.1 for host 1, and a link to a switch
/// that can be cut or slowed down. The switch is a bridge in a separate namespace, so the machine's network is
/// unaffected. Files and processes are shared with the machine.
/// </summary>
internal sealed class NetworkHosts : IDisposable
{
    private static int _networks;
    private readonly string _prefix = string.Create(
        CultureInfo.InvariantCulture,
        $"ct{Environment.ProcessId}-{Interlocked.Increment(ref _networks)}"
    );
    private readonly List<string> _namespaces = [];

    public NetworkHosts(int hosts)
    {
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        try
        {
            AddNamespace(Switch);
            Ip("-n", Switch, "link", "add", "bridge", "type", "bridge");
            Ip("-n", Switch, "link", "set", "bridge", "up");
            for (var host = 1; host <= hosts; host++)
            {
                AddHost(host);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Reason why hosts cannot be created here; null if they can.</summary>
    public static string? Missing { get; } = FindMissing();

    private string Switch => $"{_prefix}s";

    public static string Address(int host) => $"10.77.0.{host}";

    /// <summary>Command prefix that runs a command on a host.</summary>
    public string[] Enter(int host) => ["ip", "netns", "exec", Host(host)];

    /// <summary>Cuts a host's link: packets are lost without any connection being closed.</summary>
    public void Cut(int host) => Ip("-n", Switch, "link", "set", Port(host), "down");

    public void Return(int host) => Ip("-n", Switch, "link", "set", Port(host), "up");

    /// <summary>Slows down a host's link in both directions.</summary>
    /// <param name="host">The host.</param>
    /// <param name="bucket">Arguments of tc's token bucket filter, as in <c>rate 20mbit burst 32kbit latency 50ms</c>.</param>
    public void Slow(int host, string bucket)
    {
        foreach (var (place, device) in new[] { (Host(host), "eth0"), (Switch, Port(host)) })
        {
            Tool.Run("tc", ["-n", place, "qdisc", "replace", "dev", device, "root", "tbf", .. bucket.Split(' ')]);
        }
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        foreach (var name in _namespaces)
        {
            Ip("netns", "delete", name);
        }

        _namespaces.Clear();
    }

    private static string? FindMissing()
    {
        try
        {
            using var network = new NetworkHosts(1);
            network.Slow(1, "rate 1gbit burst 1mbit latency 50ms");
            return null;
        }
        catch (ToolException error)
        {
            return $"network namespaces cannot be made, which needs root and iproute2: {error.Message}";
        }
    }

    private static string Port(int host) => $"port{host}";

    private static void Ip(params string[] arguments) => Tool.Run("ip", arguments);

    private string Host(int host) => $"{_prefix}h{host}";

    private void AddHost(int host)
    {
        AddNamespace(Host(host));
        Ip("-n", Switch, "link", "add", Port(host), "type", "veth", "peer", "name", "eth0", "netns", Host(host));
        Ip("-n", Switch, "link", "set", Port(host), "master", "bridge", "up");
        Ip("-n", Host(host), "address", "add", $"{Address(host)}/24", "dev", "eth0");
        Ip("-n", Host(host), "link", "set", "eth0", "up");
        Ip("-n", Host(host), "link", "set", "lo", "up");
    }

    private void AddNamespace(string name)
    {
        Ip("netns", "add", name);
        _namespaces.Add(name);
    }

    private void OnProcessExit(object? sender, EventArgs e) => Dispose();
}
