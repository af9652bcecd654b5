using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Name and addresses of one coordinator process (a silo).</summary>
/// <param name="Name">Name in status and logs, unique in the cluster.</param>
/// <param name="Listen">Address to listen on.</param>
/// <param name="Advertised">Address at which other processes reach it.</param>
/// <param name="GatewayPort">Port for workers and commands; 0 to choose a free one.</param>
/// <param name="SiloPort">Port for other silos; 0 to choose a free one.</param>
public sealed record SiloEndpoint(string Name, IPAddress Listen, IPAddress Advertised, int GatewayPort, int SiloPort)
{
    /// <summary>Address at which workers and commands reach it.</summary>
    public IPEndPoint Gateway => new(Advertised, GatewayPort);

    /// <summary>True if only processes on this machine can connect.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(Listen);

    public static SiloEndpoint OnLoopback(string name, int gatewayPort = 0) =>
        new(name, IPAddress.Loopback, IPAddress.Loopback, gatewayPort, SiloPort: 0);

    /// <param name="name">Name in status and logs.</param>
    /// <param name="listen">Address to listen on; <see cref="IPAddress.Any"/> for all.</param>
    /// <param name="advertised">Address to advertise; null for <paramref name="listen"/>, or for this machine's first network address if
    /// that is all.</param>
    /// <param name="gatewayPort">0 for a free one.</param>
    /// <param name="siloPort">0 for a free one.</param>
    /// <exception cref="CoordinatorStartException">There is no address that others can reach.</exception>
    public static SiloEndpoint Create(string name, IPAddress listen, IPAddress? advertised, int gatewayPort, int siloPort)
    {
        var told = advertised ?? (IsAny(listen) ? FirstNetworkAddress(listen.AddressFamily) : listen);
        if (told is null)
        {
            throw new CoordinatorStartException(
                $"This machine has no network address to advertise when listening on {listen}. Give the address at which others reach it."
            );
        }

        return IsAny(told)
            ? throw new CoordinatorStartException(
                $"{told} is not an address that others can reach. Give the address at which they reach this machine."
            )
            : new SiloEndpoint(name, listen, told, gatewayPort, siloPort);
    }

    /// <summary>Replaces ports of 0 with ports that are currently free. Another process may take one before it is used.</summary>
    /// <exception cref="SocketException">A port is in use, or this machine does not have the address.</exception>
    internal SiloEndpoint WithFreePorts()
    {
        // Hold both at once, so that they differ.
        using var gateway = Bind(new IPEndPoint(Listen, GatewayPort));
        using var silo = Bind(new IPEndPoint(Listen, SiloPort));
        return this with { GatewayPort = PortOf(gateway), SiloPort = PortOf(silo) };
    }

    /// <summary>Holds a port until the socket is disposed.</summary>
    /// <exception cref="SocketException">The port is in use, or this machine does not have the address.</exception>
    internal static Socket Bind(IPEndPoint endpoint)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endpoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    /// <summary>The first network address, preferring interfaces with a gateway.</summary>
    private static IPAddress? FirstNetworkAddress(AddressFamily family) =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(card => card.OperationalStatus == OperationalStatus.Up && card.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .Select(card => card.GetIPProperties())
            .OrderByDescending(properties => properties.GatewayAddresses.Any(gateway => !IsAny(gateway.Address)))
            .SelectMany(properties => properties.UnicastAddresses)
            .Select(unicast => unicast.Address)
            .FirstOrDefault(address => address.AddressFamily == family && !address.IsIPv6LinkLocal);
}
