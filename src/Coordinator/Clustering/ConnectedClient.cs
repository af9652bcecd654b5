using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>A connection to the cluster. It survives the loss of coordinator processes as long as one is left that it knows.</summary>
public sealed class ConnectedClient : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(3);

    private readonly IHost _host;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _learning;

    internal ConnectedClient(IHost host, Func<IGrainFactory, CancellationToken, Task>? learning)
    {
        _host = host;
        Grains = host.Services.GetRequiredService<IClusterClient>();
        _learning = learning?.Invoke(Grains, _end.Token) ?? Task.CompletedTask;
    }

    public IClusterClient Grains { get; }

    /// <summary>Says good-bye where somebody still answers, and does not wait where nobody does.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _learning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using (var limit = new CancellationTokenSource(StopLimit))
        {
            await _host.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _host.Dispose();
        _end.Dispose();
    }
}
