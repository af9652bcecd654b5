using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using Orleans.Messaging;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Lists the given addresses and the gateways learned from the cluster since. Needs no access to the membership store, and finds the
/// remaining processes when the first one has died. A gateway that is silent with its connections open, as after a power loss, is
/// omitted while another answers.
/// </summary>
/// <param name="seeds">The given addresses. Host names are resolved each time.</param>
public sealed class SeedGateways(IReadOnlyList<DnsEndPoint> seeds) : IGatewayListProvider
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Longer than Orleans' refresh period for gateways.</summary>
    private static readonly TimeSpan Leaving = TimeSpan.FromSeconds(1.5);

    private IReadOnlyList<Uri> _learned = [];
    private IReadOnlyCollection<Uri> _silent = [];
    private int _isProbing;
    private TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when this client has left a gateway that fell silent after this property was read.</summary>
    internal Task Left => Volatile.Read(ref _left).Task;

    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(1);

#pragma warning disable CS0618 // Obsolete, and part of the interface.
    public bool IsUpdatable => true;
#pragma warning restore CS0618

    /// <summary>Parses <c>HOST:PORT</c>, or several separated by commas.</summary>
    /// <exception cref="CoordinatorStartException">The text is not an address.</exception>
    public static SeedGateways Parse(string text)
    {
        var seeds = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ParseOne).ToList();
        return seeds.Count > 0 ? new SeedGateways(seeds) : throw NotAnAddress(text);
    }

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public async Task<IList<Uri>> GetGateways()
    {
        var known = await KnownAsync();
        var answering = known.Except(Volatile.Read(ref _silent)).ToList();
        return answering.Count > 0 ? answering : [.. known];
    }

    public override string ToString() => string.Join(", ", seeds.Select(seed => $"{seed.Host}:{seed.Port}"));

    /// <summary>Determines which gateways are silent, and repeats this until none is. Started when a call waits.</summary>
    /// <param name="answers">Returns true if a gateway answers.</param>
    /// <param name="time">For the pauses between probes.</param>
    /// <param name="cancellationToken">Cancelled when the client ends.</param>
    internal async Task ProbeAsync(Func<IPEndPoint, Task<bool>> answers, TimeProvider time, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isProbing, 1) == 1)
        {
            return;
        }

        try
        {
            do
            {
                var known = await KnownAsync();
                var found = await Task.WhenAll(known.Select(gateway => answers(gateway.ToGatewayAddress()!.Endpoint)));
                var silent = known.Where((_, i) => !found[i]).ToList();
                var isNew = silent.Count < known.Count && silent.Except(Volatile.Read(ref _silent)).Any();
                Volatile.Write(ref _silent, silent);
                await Task.Delay(isNew ? Leaving : Pause, time, cancellationToken);
                if (isNew)
                {
                    Interlocked
                        .Exchange(ref _left, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
                        .SetResult();
                }
            } while (Volatile.Read(ref _silent).Count > 0);
        }
        finally
        {
            Volatile.Write(ref _isProbing, 0);
        }
    }

    private async Task<IReadOnlyList<Uri>> KnownAsync()
    {
        var gateways = Volatile.Read(ref _learned).ToList();
        foreach (var seed in seeds)
        {
            gateways.AddRange(await ResolveAsync(seed));
        }

        return [.. gateways.Distinct()];
    }

    /// <summary>Keeps learning the cluster's gateways, which the cluster reports as soon as they change.</summary>
    internal async Task LearnAsync(IGrainFactory grains, TimeProvider time, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> known = [];
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                known = await grains.GetGrain<IGatewaysGrain>(0).ListAsync(known).WaitAsync(cancellationToken);
                Volatile.Write(ref _learned, [.. known.Select(gateway => UriOf(IPEndPoint.Parse(gateway)))]);
            }
            catch (Exception) when (!cancellationToken.IsCancellationRequested)
            {
                // Keep the known gateways.
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    private static DnsEndPoint ParseOne(string text)
    {
        var colon = text.LastIndexOf(':');
        var host = colon > 0 ? text[..colon].Trim('[', ']') : "";
        return
            host.Length > 0
            && Uri.CheckHostName(host) != UriHostNameType.Unknown
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= IPEndPoint.MaxPort
            ? new DnsEndPoint(host, port)
            : throw NotAnAddress(text);
    }

    private static CoordinatorStartException NotAnAddress(string text) =>
        new($"\"{text}\" is not the address of a coordinator. Give HOST:PORT, such as node1:7700.");

    private static async Task<IEnumerable<Uri>> ResolveAsync(DnsEndPoint seed)
    {
        try
        {
            var addresses = IPAddress.TryParse(seed.Host, out var address) ? [address] : await Dns.GetHostAddressesAsync(seed.Host);
            return addresses.Select(known => UriOf(new IPEndPoint(known, seed.Port)));
        }
        catch (SocketException)
        {
            // The name may be resolvable later.
            return [];
        }
    }

    private static Uri UriOf(IPEndPoint endpoint) => SiloAddress.New(endpoint, 0).ToGatewayUri();
}
