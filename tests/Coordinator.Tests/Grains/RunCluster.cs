using System.Collections.Concurrent;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Coordinator.Tests.Rules;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Storage;
using Orleans.TestingHost;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Silos that host one run, with shared storage and a manual clock.</summary>
internal sealed class RunCluster : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly InProcessTestCluster _cluster;

    private RunCluster(int silos)
    {
        var builder = new InProcessTestClusterBuilder((short)silos);
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
                silo.Services.AddSingleton<TimeProvider>(Time);
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

                silo.Services.AddSingleton<IRunHosting>(Hosting);
                silo.Services.AddKeyedSingleton<IGrainStorage>(FencedFileStorage.ProviderName, Storage);
                silo.AddIncomingGrainCallFilter(async context =>
                {
                    await OnCall(context);
                    var call = context.Invoke();
                    OnEntered(context.MethodName);
                    await call;
                });
            }
        );
        _cluster = builder.Build();
    }

    public ManualTimeProvider Time { get; } = new();

    public SharedStorage Storage { get; } = new();

    public MemoryHosting Hosting { get; } = new();

    public MemoryLedger Ledger => Hosting.Ledger;

    public RecordingObserver Observer => Hosting.Observer;

    /// <summary>Awaited before each call to a grain.</summary>
    public Func<IIncomingGrainCallContext, Task> OnCall { get; set; } = _ => Task.CompletedTask;

    /// <summary>Called with the method's name when a call to a grain has reached its first wait.</summary>
    private Action<string> OnEntered { get; set; } = _ => { };

    public IGrainFactory Grains => _cluster.Client;

    public IRunGrain Run => _cluster.Client.GetGrain<IRunGrain>("demo");

    public static async Task<RunCluster> DeployAsync(int silos = 1)
    {
        var cluster = new RunCluster(silos);
        await cluster._cluster.DeployAsync();
        return cluster;
    }

    /// <summary>Starts a cluster and its run.</summary>
    public static async Task<RunCluster> StartAsync(RunSpec spec, int silos = 1, CheckpointMark? resumedFrom = null)
    {
        var cluster = await DeployAsync(silos);
        await cluster.Run.StartAsync(new RunStart(spec, resumedFrom, Continues: false));
        return cluster;
    }

    /// <summary>Starts a cluster with unmanaged workers whose first generation runs.</summary>
    public static async Task<RunCluster> FormAsync(int workers, int silos = 1)
    {
        var cluster = await StartAsync(Spec(workers), silos);
        await Task.WhenAll(Enumerable.Range(0, workers).Select(slot => cluster.Client(slot).JoinAsync(RunScript.JoinRequest(slot))))
            .WaitAsync(Limit);
        return cluster;
    }

    public static RunSpec Spec(int workers) => RunScript.Spec(workers, managed: 0);

    public static Heartbeat Beat(int slot, long step, int generation = 1, params IReadOnlyList<StepRecord> records) =>
        new(WorkerIds.ForSlot(slot), RunScript.JoinRequest(slot).Incarnation, generation, step, records, []);

    public static WorkerReport Report(int slot, WorkerOutcome outcome, long step, string? message = null) =>
        new(WorkerIds.ForSlot(slot), RunScript.JoinRequest(slot).Incarnation, 1, outcome, step) { Message = message };

    /// <summary>A worker's client, with the system clock.</summary>
    public CoordinatorClient Client(int slot) => new(Grains, "demo", WorkerIds.ForSlot(slot), TimeProvider.System);

    public async Task<RunState> StateAsync() => (await Run.StatusAsync()).State!;

    /// <summary>
    /// Makes calls and waits until all of them have entered the grain. Messages may arrive in another order than they are sent.
    /// </summary>
    public async Task<List<Task<Answered>>> EnterAsync(string method, params IEnumerable<Func<Task<Answered>>> calls)
    {
        var entered = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var made = calls.ToList();
        OnEntered = name =>
        {
            if (name == method && Interlocked.Increment(ref entered) == made.Count)
            {
                all.SetResult();
            }
        };
        var tasks = made.ConvertAll(call => call());
        await all.Task.WaitAsync(Limit);
        return tasks;
    }

    /// <summary>Repeats a heartbeat until the run answers it.</summary>
    public async Task<HeartbeatAnswer> BeatAsync(Heartbeat heartbeat) =>
        await Client(0).HeartbeatAsync(heartbeat, Limit, CancellationToken.None);

    /// <summary>Lets time pass in fractions of a second until a condition holds.</summary>
    public async Task PassUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, "It did not happen within a minute.");
            Time.Advance(TimeSpan.FromSeconds(0.25));
            await Run.StatusAsync();
        }
    }

    /// <summary>Lets time pass in which only a node without slots, z, is heard.</summary>
    public async Task PassHearingAsync(Func<bool> condition)
    {
        while (!condition())
        {
            var held = Grains
                .GetGrain<INodeGrain>(NodeGrain.KeyOf("demo", "z"))
                .ExchangeAsync(new NodeReport("z", "process-z", 0, 0, 0, []));
            await PassUntilAsync(() => held.IsCompleted);
            await held;
        }
    }

    public Task PassAsync(double seconds)
    {
        var end = Time.GetUtcNow() + TimeSpan.FromSeconds(seconds);
        return PassUntilAsync(() => Time.GetUtcNow() >= end);
    }

    /// <summary>Waits until a worker is known to have joined.</summary>
    public Task UntilAsync(Func<RunState, bool> condition) =>
        Observer.WhenAsync(() => Observer.States.LastOrDefault() is { } state && condition(state)).WaitAsync(Limit);

    /// <summary>
    /// Ends the silo that hosts a grain at once, as if its process were killed. Its work in progress continues as a zombie.
    /// </summary>
    public async Task KillHostOfAsync(IAddressable grain)
    {
        var address = HostOf(grain);
        await _cluster.KillSiloAsync(
            _cluster.Silos.Single(silo => silo.SiloHost.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.Equals(address))
        );
    }

    public SiloAddress HostOf(IAddressable grain) =>
        _cluster.TryGetGrainContext(grain.GetGrainId(), out var context)
            ? context.Address.SiloAddress!
            : throw new InvalidOperationException($"{grain} is nowhere.");

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
        Assert.Empty(Hosting.Defects);
    }
}

/// <summary>The hosting services of all processes of a cluster.</summary>
internal sealed class MemoryHosting : IRunHosting
{
    public string RunId => "demo";

    public RunFilesOffer Files { get; } = new("the config"u8.ToArray(), "the manifest"u8.ToArray());

    public StepMetrics? LastStep => null;

    public bool MayTakeOver { get; set; } = true;

    /// <summary>Decides whether a step's checkpoint is on disk.</summary>
    public Predicate<long> Sees { get; set; } = _ => true;

    public MemoryLedger Ledger { get; } = new();

    public RecordingObserver Observer { get; } = new();

    public bool SeesCheckpoint(long step) => Sees(step);

    /// <summary>Between the run's hosts and <see cref="Observer"/>.</summary>
    public IRunObserver? Before { get; set; }

    public CheckpointMark? Checkpoint { get; set; }

    /// <summary>Thrown when the run's records are opened.</summary>
    public Exception? Failure { get; set; }

    /// <summary>The terms that have opened the run's records.</summary>
    public ConcurrentQueue<long> Opened { get; } = [];

    public ConcurrentQueue<RunOutcome> Concluded { get; } = [];

    public Func<Task> OnConclude { get; set; } = () => Task.CompletedTask;

    public Action OnLeave { get; set; } = () => { };

    public ConcurrentQueue<Exception> Defects { get; } = [];

    public static Shard ShardOf(int rank, int worldSize, long step) =>
        new(rank, 1, rank * 8 / worldSize, 8 / worldSize, [new ShardEpoch(0, step, [new RowGroupRange(0, rank, 1)])]);

    public IRunRecords Open(long term, RunState state)
    {
        if (Failure is { } failure)
        {
            throw failure;
        }

        Opened.Enqueue(term);
        return new Records(this, Ledger.Open(term));
    }

    /// <summary>The steps after which what was recorded was set aside, and the number of steps recorded then.</summary>
    public ConcurrentQueue<(long Step, int Recorded)> WentBack { get; } = [];

    /// <summary>The steps to pass over, each time that they were stored.</summary>
    public ConcurrentQueue<IReadOnlyList<StepRange>> PassedOver { get; } = [];

    public void PassOver(IReadOnlyList<StepRange> steps) => PassedOver.Enqueue(steps);

    public void GoBack(long step) => WentBack.Enqueue((step, Ledger.Steps.Count()));

    public async Task ConcludeAsync(RunOutcome outcome)
    {
        await OnConclude();
        Concluded.Enqueue(outcome);
    }

    public void Leave() => OnLeave();

    public void OnDefect(Exception error) => Defects.Enqueue(error);

    private sealed class Records(MemoryHosting hosting, IRunLedger ledger) : IRunRecords
    {
        public IRunLedger Ledger => ledger;

        public IRunObserver Observer => hosting.Before ?? hosting.Observer;

        public CheckpointMark? FindCheckpoint() => hosting.Checkpoint;

        public IReadOnlyList<Shard> Shards(int worldSize, long step) =>
            [.. Enumerable.Range(0, worldSize).Select(rank => ShardOf(rank, worldSize, step))];

        public void Dispose() { }
    }
}
