using System.Net;
using System.Net.Sockets;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Runs;

/// <summary>Addresses at which other machines reach this one.</summary>
internal static class OwnAddress
{
    /// <summary>Checks an address that the user gives.</summary>
    /// <exception cref="UsageException">It is not an IP address.</exception>
    public static string? Given(string? address) =>
        address is null || IPAddress.TryParse(address, out _)
            ? address
            : throw new UsageException($"--address must be an IP address of this machine such as 10.0.0.1, not '{address}'.");

    /// <summary>Address of the interface that routes to a coordinator. Sends nothing.</summary>
    /// <param name="coordinator">HOST:PORT, or several separated by commas, of which the first counts.</param>
    /// <exception cref="UsageException">No interface routes there.</exception>
    public static string Towards(string coordinator)
    {
        var target = new Uri($"tcp://{coordinator.Split(',')[0].Trim()}");
        try
        {
            using var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(target.DnsSafeHost, target.Port);
            var address = ((IPEndPoint)socket.LocalEndPoint!).Address;
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
        }
        catch (SocketException error)
        {
            throw new UsageException($"No route to {target.Host}: {error.Message}. Give this machine's address with --address.");
        }
    }
}
