using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using Orleans;
using Orleans.Messaging;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Tells a client the coordinator processes that it was given, by address, and those that it has learned from the cluster
/// since. It needs no access to the membership store, and finds whichever process is left when the first one has died. One that
/// has fallen silent with its connections open, as when its machine has lost its power, is left out while another answers.
/// </summary>
/// <param name="seeds">Addresses as given; names are looked up anew each time.</param>
public sealed class SeedGateways(IReadOnlyList<DnsEndPoint> seeds) : IGatewayListProvider
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Longer than it takes Orleans to ask for the gateways again.</summary>
    private static readonly TimeSpan Leaving = TimeSpan.FromSeconds(1.5);

    private IReadOnlyList<Uri> _learned = [];
    private IReadOnlyCollection<Uri> _silent = [];
    private int _isProbing;
    private TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when this client has left a gateway that has fallen silent after this was read.</summary>
    internal Task Left => Volatile.Read(ref _left).Task;

    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(1);

#pragma warning disable CS0618 // Obsolete, and part of the interface.
    public bool IsUpdatable => true;
#pragma warning restore CS0618

    /// <summary>Reads <c>HOST:PORT</c>, several separated by commas.</summary>
    /// <exception cref="CoordinatorStartException">The text is something else.</exception>
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

    /// <summary>A call waits: finds out which gateways are silent, and again until none is.</summary>
    /// <param name="answers">Whether a gateway answers now.</param>
    /// <param name="time">For the pause between two looks.</param>
    /// <param name="cancellationToken">The client ends.</param>
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

    /// <summary>Keeps learning the cluster's gateways: the cluster answers as soon as they change.</summary>
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
                // What is known stays.
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
        new($"The coordinator's address is HOST:PORT, such as node1:7700, and not \"{text}\".");

    private static async Task<IEnumerable<Uri>> ResolveAsync(DnsEndPoint seed)
    {
        try
        {
            var addresses = IPAddress.TryParse(seed.Host, out var address) ? [address] : await Dns.GetHostAddressesAsync(seed.Host);
            return addresses.Select(known => UriOf(new IPEndPoint(known, seed.Port)));
        }
        catch (SocketException)
        {
            // A name that nobody knows now may be known later.
            return [];
        }
    }

    private static Uri UriOf(IPEndPoint endpoint) => SiloAddress.New(endpoint, 0).ToGatewayUri();
}
