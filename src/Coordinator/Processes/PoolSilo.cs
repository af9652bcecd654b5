using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Processes;

/// <summary>A silo that hosts the pools of cores and of GPUs, and their experiments. Several in one cluster stand by for each other.</summary>
public sealed class PoolSilo : IAsyncDisposable
{
    private readonly HostedSilo _silo;

    private PoolSilo(HostedSilo silo) => _silo = silo;

    /// <summary>The silo's name and addresses.</summary>
    public SiloEndpoint Endpoint => _silo.Endpoint;

    /// <param name="options">The silo's options.</param>
    /// <param name="build">This process's build, which nodes and sweeps must share.</param>
    /// <param name="loggers">The process's log.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="CoordinatorStartException">The silo cannot listen, reach its cluster or store its files.</exception>
    public static async Task<PoolSilo> StartAsync(
        CoordinatorSiloOptions options,
        PoolBuild build,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        var silo = await HostedSilo.StartAsync(
            options,
            services => services.AddSingleton<IRunLauncher, NodeLauncher>().AddSingleton(build),
            loggers,
            time,
            CancellationToken.None
        );

        // What an earlier process has stored goes on without waiting for a node or a sweep to call.
        foreach (var pool in new[] { PoolGrain.Cores, PoolGrain.Gpus })
        {
            await GrainCalls.RepeatAsync(silo.Grains.GetGrain<IPoolGrain>(pool).StateAsync, StartPatience, time);
        }

        return new PoolSilo(silo);
    }

    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    public ValueTask DisposeAsync() => _silo.DisposeAsync();
}
