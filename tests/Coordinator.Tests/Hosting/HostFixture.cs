using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

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

    public MemoryLedger Ledger { get; private set; } = new();

    public List<string> Killed { get; } = [];

    public List<string> Started { get; } = [];

    public Func<RunState, Task> Journal { get; set; } = _ => Task.CompletedTask;

    public static async Task<HostFixture> StartAsync(int workers, CoordinatorHostOptions? options = null, IRunObserver? observer = null, RunSpec? spec = null, CheckpointMark? resumedFrom = null, MemoryLedger? ledger = null)
    {
        var fixture = await StartEmptyAsync(options, ledger);
        fixture.Run = fixture.Host.AddRun(spec ?? RunScript.Spec(workers), resumedFrom, observer ?? fixture.Observer, fixture, fixture.Ledger, fixture, new RunFilesOffer("the config"u8.ToArray(), "the manifest"u8.ToArray()));
        return fixture;
    }

    /// <summary>A coordinator that was started again and has this state in its journal.</summary>
    public static async Task<HostFixture> ReopenAsync(RunState state, CoordinatorHostOptions options, MemoryLedger ledger)
    {
        var fixture = await StartEmptyAsync(options, ledger);
        fixture.Open(state);
        return fixture;
    }

    /// <summary>A coordinator that listens and has no run.</summary>
    public static async Task<HostFixture> StartEmptyAsync(CoordinatorHostOptions? options = null, MemoryLedger? ledger = null)
    {
        var time = new ManualTimeProvider();
        return new HostFixture(await CoordinatorHost.StartAsync(options ?? new CoordinatorHostOptions(), time), time) { Ledger = ledger ?? new MemoryLedger() };
    }

    public void Open(RunState state) => Run = Host.OpenRun(state, Observer, this, Ledger, this);

    public CoordinatorClient Client(int slot, string? token = null, string run = "demo")
    {
        var client = new CoordinatorClient(new WorkerEnvironment(Host.Address, token ?? Host.Token, run, WorkerIds.ForSlot(slot)), Time);
        _clients.Add(client);
        return client;
    }

    public Task<JoinAnswer> JoinAsync(int slot) => Client(slot).JoinAsync(RunScript.JoinRequest(slot));

    /// <summary>Clients of all workers, joined.</summary>
    public async Task<IReadOnlyList<CoordinatorClient>> FormAsync()
    {
        var clients = Enumerable.Range(0, Run.State.Spec.Workers).Select(slot => Client(slot)).ToList();
        await Task.WhenAll(clients.Select((client, slot) => client.JoinAsync(RunScript.JoinRequest(slot))));
        return clients;
    }

    public static WorkerReport Report(int slot, WorkerOutcome outcome, long step, string? message = null) =>
        new(WorkerIds.ForSlot(slot), RunScript.JoinRequest(slot).Incarnation, 1, outcome, step) { Message = message };

    /// <summary>A request without a token.</summary>
    /// <param name="path">Behind "/runs/".</param>
    public HttpRequestMessage Request(string method, string path, string? body) =>
        new(new HttpMethod(method), new Uri(Host.Address, $"/runs/{path}".TrimEnd('/'))) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };

    /// <summary>Lets a second pass and the run notice it: its ticker runs once a second.</summary>
    public async Task TickAsync()
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        var now = Time.GetUtcNow();
        while (Run.State.LastTick < now)
        {
            await Task.Yield();
        }
    }

    public Task WriteAsync(RunState state) => Journal(state);

    public void Start(string workerId) => Started.Add(workerId);

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
