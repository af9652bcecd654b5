using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class PoolProcessTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cliptrain-pool-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_standby_of_another_build_is_refused_before_it_joins_the_pool()
    {
        var token = AccessToken.Keep(Path.Combine(_directory, "token"));
        await using var silo = await PoolSilo.StartAsync(
            new CoordinatorSiloOptions(
                ClusterIdentity.Open(_directory),
                SiloEndpoint.OnLoopback("first"),
                new ClusterSecurity(token),
                IsOneMachine: true
            ),
            new PoolBuild("0.1.0+another"),
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        using var signals = new StopSignals();

        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() =>
            new PoolProcess(new PoolOptions(_directory), new HostingOptions(), signals).RunAsync()
        );

        Assert.Contains(
            $"The pool at {_directory} runs another build of ClipTrain (0.1.0+another)",
            error.Message,
            StringComparison.Ordinal
        );
        Assert.Contains("standbys", error.Message, StringComparison.Ordinal);
    }
}
