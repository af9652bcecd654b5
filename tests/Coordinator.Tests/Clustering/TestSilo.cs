using System.Collections.Concurrent;
using System.Net;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>Options of a silo in tests.</summary>
internal sealed record TestSiloOptions(ClusterIdentity Identity)
{
    public static readonly ClusterSecurity Token = new("the cluster's token");

    /// <summary>Connects a client that is patient enough for a busy machine. A refusal still fails at once.</summary>
    public static readonly ClusterClientOptions Client = new(Token, TimeSpan.FromMinutes(2))
    {
        Configure = client => client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = TimeSpan.FromMinutes(2)),
    };

    public string Name { get; init; } = "first";

    public ClusterSecurity Security { get; init; } = Token;

    public bool IsOneMachine { get; init; } = true;

    public int GatewayPort { get; init; }

    /// <summary>True to keep answers for a client that a busy machine has disconnected; false for as long as the product does.</summary>
    public bool KeepsAnswers { get; init; } = true;

    public Action<ISiloBuilder>? Configure { get; init; }
}

/// <summary>A silo in the test's process.</summary>
internal sealed class TestSilo : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly IHost _host;
    private readonly Lines _lines;

    private TestSilo(IHost host, SiloEndpoint endpoint, Lines lines) => (_host, Endpoint, _lines) = (host, endpoint, lines);

    public SiloEndpoint Endpoint { get; }

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    /// <summary>Time for which answers are kept for a client that has gone.</summary>
    public TimeSpan ClientDropTimeout => _host.Services.GetRequiredService<IOptions<SiloMessagingOptions>>().Value.ClientDropTimeout;

    public IClusterMembershipService Members => _host.Services.GetRequiredService<IClusterMembershipService>();

    /// <summary>The seed of a client: this silo's gateway.</summary>
    public SeedGateways Seed => new([new DnsEndPoint("127.0.0.1", Endpoint.GatewayPort)]);

    /// <summary>Warnings of ClipTrain's own.</summary>
    public IReadOnlyCollection<string> Warnings => _lines.Written;

    public static async Task<TestSilo> StartAsync(TestSiloOptions options)
    {
        var lines = new Lines();
        var (host, endpoint) = await ClusterSilo.StartAsync(
            SiloEndpoint.OnLoopback(options.Name, options.GatewayPort),
            at => Build(options, at, lines),
            CancellationToken.None
        );
        return new TestSilo(host, endpoint, lines);
    }

    public static IHost Build(TestSiloOptions options, SiloEndpoint endpoint, ILoggerProvider? lines)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        if (lines is not null)
        {
            builder.Logging.AddProvider(lines);
        }

        builder.UseOrleans(silo =>
        {
            silo.UseClipTrainCluster(options.Identity, endpoint, options.Security, options.IsOneMachine);
            // Tests wait for what happens next, not for the usual intervals.
            silo.Configure<ClusterMembershipOptions>(membership =>
            {
                membership.TableRefreshTimeout = TimeSpan.FromSeconds(1);

                // However busy the machine is, a silo of a test is dead only when the test has ended it.
                membership.ProbeTimeout = membership.MaxProbeTimeout = TimeSpan.FromMinutes(2);
            });
            silo.Configure<SiloMessagingOptions>(messaging =>
            {
                messaging.ResponseTimeout = TimeSpan.FromMinutes(2);
                messaging.ClientDropTimeout = options.KeepsAnswers ? TimeSpan.FromHours(1) : messaging.ClientDropTimeout;
            });
            options.Configure?.Invoke(silo);
        });
        return builder.Build();
    }

    /// <summary>Waits until this silo sees the expected members.</summary>
    public async Task UntilAsync(Func<ClusterMembershipSnapshot, bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        await foreach (var snapshot in Members.MembershipUpdates.WithCancellation(limit.Token))
        {
            if (condition(snapshot))
            {
                return;
            }
        }
    }

    public Task UntilActiveAsync(params string[] names) =>
        UntilAsync(snapshot =>
            snapshot
                .Members.Values.Where(member => member.Status == SiloStatus.Active)
                .Select(member => member.Name)
                .Order()
                .SequenceEqual(names.Order())
        );

    /// <summary>Waits for a warning with this text.</summary>
    public Task UntilWarnedAsync(string words) => _lines.UntilAsync(words).WaitAsync(Limit);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    /// <summary>Collects the warnings of the namespaces under test.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _written = new();
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaited = new(StringComparer.Ordinal);

        public IReadOnlyCollection<string> Written => _written;

        public async Task UntilAsync(string words)
        {
            var seen = _awaited.GetOrAdd(words, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            if (!_written.Any(line => line.Contains(words, StringComparison.Ordinal)))
            {
                await seen.Task;
            }
        }

        public ILogger CreateLogger(string categoryName) =>
            categoryName.StartsWith("ClipTrain.", StringComparison.Ordinal)
                ? this
                : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var line = formatter(state, exception);
            _written.Enqueue(line);
            foreach (var (words, seen) in _awaited)
            {
                if (line.Contains(words, StringComparison.Ordinal))
                {
                    seen.TrySetResult();
                }
            }
        }

        public void Dispose() { }
    }
}
