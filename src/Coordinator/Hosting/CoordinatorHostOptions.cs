using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace ClipTrain.Coordinator.Hosting;

public sealed record CoordinatorHostOptions
{
    /// <summary>The address to listen on. Another than loopback needs a token of the user's own.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port to listen on; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>The bearer token that requests must carry; on loopback a random one is made when there is none.</summary>
    public string? Token { get; init; }

    /// <summary>With its private key: the coordinator is reached by https alone. Null: by http, whose token anyone on the way can read.</summary>
    public X509Certificate2? Certificate { get; init; }
}
