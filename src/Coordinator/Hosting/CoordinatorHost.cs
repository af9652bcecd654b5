using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>The coordinator's HTTP server inside this process. It reads no configuration and handles no signals of its own.</summary>
public sealed class CoordinatorHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly BearerToken _token;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, HostedRun> _runs = new(StringComparer.Ordinal);

    private CoordinatorHost(WebApplication app, BearerToken token, TimeProvider time, ILogger logger)
    {
        _app = app;
        _token = token;
        _time = time;
        _logger = logger;
    }

    /// <summary>Where workers of this machine reach the coordinator.</summary>
    public Uri Address { get; private set; } = null!;

    public string Token => _token.Value;

    /// <exception cref="CoordinatorStartException">The port cannot be had, or the coordinator would be open to the network without a token.</exception>
    public static async Task<CoordinatorHost> StartAsync(CoordinatorHostOptions options, TimeProvider time, ILoggerFactory? loggers = null, CancellationToken cancellationToken = default)
    {
        var isLoopback = IPAddress.IsLoopback(options.Address);
        if (!isLoopback && string.IsNullOrEmpty(options.Token))
        {
            throw new CoordinatorStartException($"The coordinator listens on {options.Address}, which other machines can reach, only with a token: set the environment variable {WorkerEnvironment.TokenVariable}.");
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(options.Address, options.Port, endpoint => Secure(endpoint, options.Certificate)));
        builder.Services.AddRoutingCore();
        // The program that hosts the coordinator handles Ctrl-C; the default lifetime would exit under its feet.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        var app = builder.Build();
        var logger = (loggers ?? NullLoggerFactory.Instance).CreateLogger<CoordinatorHost>();
        var token = string.IsNullOrEmpty(options.Token) ? BearerToken.Random() : new BearerToken(options.Token);
        var host = new CoordinatorHost(app, token, time, logger);
        new CoordinatorEndpoints(host._runs, token, readingIsFree: isLoopback, time, logger).Map(app);
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw new CoordinatorStartException(Explain(options, error), error);
        }

        host.Address = LocalAddress(app);
        return host;
    }

    /// <summary>Takes a new run in. Its workers can join from now on.</summary>
    /// <param name="spec">What is fixed for the run.</param>
    /// <param name="resumedFrom">The checkpoint that the run starts from, if any.</param>
    /// <param name="observer">Gets metrics, status and warnings.</param>
    /// <param name="journal">Keeps the state.</param>
    /// <param name="ledger">Keeps generations and steps.</param>
    /// <param name="workers">Starts and ends processes of this machine; null when all workers run elsewhere.</param>
    /// <param name="files">Offered to workers on other machines, if any.</param>
    /// <param name="findCheckpoint">The newest checkpoint that this run has written, told of or not.</param>
    public HostedRun AddRun(RunSpec spec, CheckpointMark? resumedFrom, IRunObserver observer, IRunJournal journal, IRunLedger ledger, IWorkerControl? workers, RunFilesOffer? files = null, Func<CheckpointMark?>? findCheckpoint = null) =>
        OpenRun(RunState.Create(spec, resumedFrom, _time.GetUtcNow()), observer, journal, ledger, workers, files, findCheckpoint);

    /// <summary>
    /// Takes a run up in a state that the journal of an earlier coordinator has kept: workers that still train go on, and
    /// send the steps that the ledger lacks. A new state will do as well.
    /// </summary>
    public HostedRun OpenRun(RunState state, IRunObserver observer, IRunJournal journal, IRunLedger ledger, IWorkerControl? workers, RunFilesOffer? files = null, Func<CheckpointMark?>? findCheckpoint = null)
    {
        var name = state.Spec.RunId;
        if (_runs.ContainsKey(name))
        {
            throw new ArgumentException($"Run {name} is hosted already.", nameof(state));
        }

        return _runs[name] = new HostedRun(state, observer, journal, ledger, workers, files, findCheckpoint, _time, _logger);
    }

    public async ValueTask DisposeAsync()
    {
        // Runs first: closing them answers the held calls that the server would otherwise wait for.
        foreach (var run in _runs.Values)
        {
            await run.DisposeAsync().ConfigureAwait(false);
        }

        await _app.StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    private static void Secure(ListenOptions endpoint, X509Certificate2? certificate)
    {
        if (certificate is not null)
        {
            endpoint.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificate = certificate });
        }
    }

    private static Uri LocalAddress(WebApplication app)
    {
        var bound = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        var isAny = IPAddress.TryParse(bound.Host.Trim('[', ']'), out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
        return isAny ? new UriBuilder(bound) { Host = "127.0.0.1" }.Uri : bound;
    }

    private static string Explain(CoordinatorHostOptions options, Exception error)
    {
        var socketError = (error as SocketException ?? error.InnerException as SocketException ?? error.InnerException?.InnerException as SocketException)?.SocketErrorCode;
        return socketError == SocketError.AddressAlreadyInUse
            ? $"Port {options.Port} on {options.Address} is in use by another program. Set cluster.port to another port, or to 0 for a free one."
            : $"The coordinator cannot listen on port {options.Port} of {options.Address}: {error.Message} Set cluster.port to another port, or to 0 for a free one.";
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
