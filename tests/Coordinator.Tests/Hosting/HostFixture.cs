using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A coordinator on a free port of loopback with one run, under a hand-set clock.</summary>
internal sealed class HostFixture : IAsyncDisposable, IRunJournal, IWorkerControl
{
    private readonly List<CoordinatorClient> _clients = [];

    private HostFixture(CoordinatorHost host, ManualTimeProvider time)
    {
        Host = host;
        Time = time;
    }

    public CoordinatorHost Host { get; }

    public ManualTimeProvider Time { get; }

    public HostedRun Run { get; private set; } = null!;

    public RecordingObserver Observer { get; } = new();

    public List<string> Killed { get; } = [];

    public Func<RunState, Task> Journal { get; set; } = _ => Task.CompletedTask;

    public static async Task<HostFixture> StartAsync(int worldSize, CoordinatorHostOptions? options = null, IRunObserver? observer = null)
    {
        var time = new ManualTimeProvider();
        var fixture = new HostFixture(await CoordinatorHost.StartAsync(options ?? new CoordinatorHostOptions(), time), time);
        fixture.Run = fixture.Host.AddRun(new RunSpec("demo", worldSize, "v1", "hash1", "127.0.0.1", 4321), resumedFrom: null, observer ?? fixture.Observer, fixture, fixture);
        return fixture;
    }

    public CoordinatorClient Client(int slot, string? token = null)
    {
        var client = new CoordinatorClient(new WorkerEnvironment(Host.Address, token ?? Host.Token, "demo", WorkerIds.ForSlot(slot)), Time);
        _clients.Add(client);
        return client;
    }

    /// <summary>Clients of all workers, joined.</summary>
    public async Task<IReadOnlyList<CoordinatorClient>> FormAsync()
    {
        var clients = Enumerable.Range(0, Run.State.Spec.WorldSize).Select(slot => Client(slot)).ToList();
        await Task.WhenAll(clients.Select(client => client.JoinAsync("v1", "hash1")));
        return clients;
    }

    public Task WriteAsync(RunState state) => Journal(state);

    public void Kill(string workerId) => Killed.Add(workerId);

    public void Dismiss(string workerId)
    {
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await Host.DisposeAsync();
    }
}
