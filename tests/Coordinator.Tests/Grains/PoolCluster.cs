using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.TestingHost;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Three silos with shared storage, one launcher and a manual clock.</summary>
internal sealed class PoolCluster : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly ManualTimeProvider _time = new();
    private readonly Dictionary<string, int> _nodes = new(StringComparer.Ordinal);
    private readonly InProcessTestCluster _cluster;

    private PoolCluster(bool runsOnNodes)
    {
        var builder = new InProcessTestClusterBuilder(3);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureHost(host =>
            host.Services.AddSerializer(serializer =>
                serializer.AddJsonSerializer(
                    type => type.Namespace is "ClipTrain.Coordinator.State" or "ClipTrain.Coordinator.Protocol",
                    CoordinatorJson.Default.Options
                )
            )
        );
        builder.ConfigureSilo(
            (_, silo) =>
            {
                silo.Services.AddSingleton<TimeProvider>(_time);
                foreach (
                    var part in new[]
                    {
                        TimeProviderNames.Membership,
                        TimeProviderNames.Messaging,
                        TimeProviderNames.SystemTimers,
                        TimeProviderNames.GrainDirectory,
                    }
                )
                {
                    silo.Services.AddKeyedSingleton(part, TimeProvider.System);
                }

                silo.Services.AddSingleton<IRunLauncher>(services =>
                    runsOnNodes ? ActivatorUtilities.CreateInstance<NodeLauncher>(services) : Launcher
                );
                silo.Services.AddKeyedSingleton<Orleans.Storage.IGrainStorage>(FencedFileStorage.ProviderName, Storage);
                silo.Services.AddSingleton<Orleans.Storage.IGrainStorage>(Storage);
            }
        );
        _cluster = builder.Build();
    }

    public SharedStorage Storage { get; } = new();

    public RecordingLauncher Launcher { get; } = new();

    public IPoolGrain Pool => _cluster.Client.GetGrain<IPoolGrain>("gpus");

    public IExperimentGrain Experiment => _cluster.Client.GetGrain<IExperimentGrain>("e");

    public DateTimeOffset Now => _time.GetUtcNow();

    public IGrainFactory Grains => _cluster.Client;

    /// <summary>Nodes whose processes serve the pool. The clock waits for them, since calls to a dead host fail by the system's clock.</summary>
    public HashSet<string> Serving { get; } = new(StringComparer.Ordinal);

    /// <param name="runsOnNodes">True to run trials on nodes, false to record them by <see cref="Launcher"/>.</param>
    public static async Task<PoolCluster> DeployAsync(bool runsOnNodes = false)
    {
        var cluster = new PoolCluster(runsOnNodes);
        await cluster._cluster.DeployAsync();
        return cluster;
    }

    /// <summary>A node joins, and repeats its offer while time passes.</summary>
    public Task JoinAsync(string node, int devices)
    {
        _nodes[node] = devices;
        return UntilAsync(() => Task.FromResult(true));
    }

    /// <summary>A node falls silent.</summary>
    public void Silence(string node) => _nodes.Remove(node);

    public Task SubmitAsync(params TrialSpec[] trials) => Experiment.SubmitAsync(new ExperimentSpec("e", "gpus", trials));

    /// <summary>
    /// Ends the silo that hosts a grain at once, as if its process were killed. Its work in progress continues as a zombie.
    /// </summary>
    public async Task KillHostOfAsync(IAddressable grain)
    {
        var silo = _cluster.Silos.Single(silo =>
            silo.SiloHost.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.Equals(HostOf(grain))
        );
        await _cluster.KillSiloAsync(silo);
    }

    /// <summary>Lets time pass until a condition holds. Retries calls that fail because a grain's host has just died.</summary>
    /// <param name="condition">The condition.</param>
    /// <param name="step">The step of the clock; one second by default.</param>
    public async Task UntilAsync(Func<Task<bool>> condition, TimeSpan? step = null)
    {
        var (steps, start) = (0, TimeProvider.System.GetTimestamp());
        while (steps < 3600)
        {
            try
            {
                foreach (var node in _nodes.Keys)
                {
                    await OfferAsync(node);
                }

                if (await condition())
                {
                    return;
                }

                if (await WaitsForNodeAsync())
                {
                    Assert.True(TimeProvider.System.GetElapsedTime(start) < Limit, "A node does not reach its pool.");
                    continue;
                }

                steps++;
            }
            catch (Exception error) when (error is OrleansException or TimeoutException) { }

            _time.Advance(step ?? TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        var trials = (await Experiment.StateAsync()).Trials;
        Assert.Fail($"It did not happen within {steps} steps of the clock:\n{string.Join("\n", trials)}");
    }

    /// <summary>Lets this much time pass.</summary>
    public Task PassAsync(TimeSpan duration)
    {
        var since = _time.GetTimestamp();
        return UntilAsync(() => Task.FromResult(_time.GetElapsedTime(since) >= duration));
    }

    public Task UntilTrialsAsync(Func<IReadOnlyList<TrialState>, bool> condition) =>
        UntilAsync(async () => condition((await Experiment.StateAsync()).Trials));

    public async ValueTask DisposeAsync()
    {
        // A silo waits for the calls that its grains hold.
        _time.Advance(HeldCalls.Limit);
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
    }

    private async Task<bool> WaitsForNodeAsync() =>
        Serving.Count > 0
        && (await Pool.StateAsync()).Nodes.Any(node =>
            Serving.Contains(node.Offer.Node) && _time.GetUtcNow() - node.LastHeard > PoolMachine.Patience / 2
        );

    private Task OfferAsync(string node) =>
        Pool.OfferAsync(new NodeOffer(node, "host", 1, [.. Enumerable.Range(0, _nodes[node]).Select(index => $"cuda:{index}")]));

    private SiloAddress HostOf(IAddressable grain) =>
        _cluster.TryGetGrainContext(grain.GetGrainId(), out var context)
            ? context.Address.SiloAddress!
            : throw new InvalidOperationException($"{grain} is nowhere.");
}
