using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Processes;

/// <summary>A coordinator process's silo, which hosts the run or stands by to take it over.</summary>
public sealed class CoordinatorSilo : IAsyncDisposable
{
    private readonly HostedSilo _silo;

    private CoordinatorSilo(HostedSilo silo, string run) => (_silo, Run) = (silo, silo.Grains.GetGrain<IRunGrain>(run));

    /// <summary>The silo's name and addresses.</summary>
    public SiloEndpoint Endpoint => _silo.Endpoint;

    /// <summary>The run's grain, wherever it is hosted.</summary>
    public IRunGrain Run { get; }

    /// <exception cref="CoordinatorStartException">The silo cannot listen, reach its cluster or store its files.</exception>
    public static async Task<CoordinatorSilo> StartAsync(
        CoordinatorSiloOptions options,
        IRunHosting hosting,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken = default
    ) =>
        new(
            await HostedSilo.StartAsync(options, services => services.AddSingleton(hosting), loggers, time, cancellationToken),
            hosting.RunId
        );

    public ValueTask DisposeAsync() => _silo.DisposeAsync();
}
