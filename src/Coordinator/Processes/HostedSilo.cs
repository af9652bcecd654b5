using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Options of a process's silo.</summary>
/// <param name="IsOneMachine">True if every process of the cluster runs on this machine.</param>
public sealed record CoordinatorSiloOptions(ClusterIdentity Cluster, SiloEndpoint Endpoint, ClusterSecurity Security, bool IsOneMachine)
{
    /// <summary>Options of the HTTP endpoint; null for none.</summary>
    public HttpOptions? Http { get; init; }
}

/// <summary>A silo with its log, in a process that handles signals itself.</summary>
internal sealed class HostedSilo : IAsyncDisposable
{
    /// <summary>Categories that log every undelivered message to a dead silo with a stack trace. Callers get an exception anyway.</summary>
    private static readonly string[] TalkOfLostSilos =
    [
        "Orleans.Messaging",
        "Orleans.Runtime.MessageCenter",
        "Orleans.Runtime.Messaging",
        "Orleans.Runtime.GrainCallCancellationManager",
        "Orleans.Runtime.GrainDirectory",
        "Polly",
    ];

    private readonly IHost _host;

    private HostedSilo(IHost host, SiloEndpoint endpoint) => (_host, Endpoint) = (host, endpoint);

    /// <summary>The silo's name and addresses.</summary>
    public SiloEndpoint Endpoint { get; }

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    /// <param name="options">Cluster, addresses and credentials.</param>
    /// <param name="configure">Registers what the grains need.</param>
    /// <param name="loggers">Receive warnings and errors.</param>
    /// <param name="time">Clock of the grains.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="CoordinatorStartException">The silo cannot listen, reach its cluster or store its files.</exception>
    public static async Task<HostedSilo> StartAsync(
        CoordinatorSiloOptions options,
        Action<IServiceCollection> configure,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken = default
    )
    {
        if (options.Http is { } http)
        {
            RequireFree(http.Listen);
        }

        var (host, endpoint) = await ClusterSilo.StartAsync(
            options.Endpoint,
            actual => Build(options with { Endpoint = actual }, configure, loggers, time),
            cancellationToken
        );
        return new HostedSilo(host, endpoint);
    }

    public async ValueTask DisposeAsync()
    {
        // A silo that ends looks for others to take its grains, and complains if it was the last one.
        _host.Services.GetServices<ILoggerProvider>().OfType<ForwardingLoggerProvider>().Single().IsOver = true;
        await _host.StopAsync();
        _host.Dispose();
    }

    /// <summary>Checks the HTTP port first, since the web server's own error would be mistaken for one of the silo's ports.</summary>
    private static void RequireFree(IPEndPoint endpoint)
    {
        try
        {
            using var socket = SiloEndpoint.Bind(endpoint);
        }
        catch (SocketException error)
        {
            throw new CoordinatorStartException($"--http {endpoint} cannot be used: {error.Message}.", error);
        }
    }

    private static IHost Build(
        CoordinatorSiloOptions options,
        Action<IServiceCollection> configure,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        if (options.Http is { } http)
        {
            var web = HttpEndpoint.CreateBuilder(http);
            Configure(web, options, configure, loggers, time);
            return HttpEndpoint.Build(web, http, options.Security.Token);
        }

        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        Configure(builder, options, configure, loggers, time);
        return builder.Build();
    }

    private static void Configure(
        IHostApplicationBuilder builder,
        CoordinatorSiloOptions options,
        Action<IServiceCollection> configure,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        builder.Logging.AddProvider(new ForwardingLoggerProvider(loggers)).SetMinimumLevel(LogLevel.Warning);

        // Runs and nodes have their own messages for what Orleans warns about (a reset connection, a lost silo).
        builder.Logging.AddFilter("Orleans", LogLevel.Error).AddFilter("Microsoft", LogLevel.Error);
        foreach (var category in TalkOfLostSilos)
        {
            builder.Logging.AddFilter(category, LogLevel.Critical);
        }

        configure(builder.Services.AddSingleton(time));

        // The program that hosts the silo handles signals; the default lifetime would end the host while its grains need it.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.UseOrleans(silo => silo.UseClipTrainCluster(options.Cluster, options.Endpoint, options.Security, options.IsOneMachine));
    }

    private sealed class ForwardingLoggerProvider(ILoggerFactory loggers) : ILoggerProvider
    {
        private volatile bool _isOver;

        /// <summary>True to forward nothing more.</summary>
        public bool IsOver
        {
            get => _isOver;
            set => _isOver = value;
        }

        public ILogger CreateLogger(string categoryName) => new ForwardingLogger(loggers.CreateLogger(categoryName), this);

        public void Dispose()
        {
            // The factory is the caller's.
        }
    }

    private sealed class ForwardingLogger(ILogger to, ForwardingLoggerProvider provider) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => to.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => !provider.IsOver && to.IsEnabled(logLevel);

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(level))
            {
                to.Log(level, id, state, exception, formatter);
            }
        }
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
