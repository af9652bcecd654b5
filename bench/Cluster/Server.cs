using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Bench.Cluster;

/// <summary>A coordinator process without a trainer. It writes state and ledger, but no metrics.</summary>
internal sealed class Server(string directory) : IRunHosting
{
    public const string Run = "bench",
        Token = "bench",
        Ready = "ready";

    public string RunId => Run;

    public RunFilesOffer Files => new([], []);

    public bool MayTakeOver => true;

    public StepMetrics? LastStep => null;

    public static async Task RunAsync(string directory, int members)
    {
        var server = new Server(directory);
        var options = new CoordinatorSiloOptions(
            ClusterIdentity.Open(directory),
            SiloEndpoint.OnLoopback("coordinator"),
            new ClusterSecurity(Token),
            IsOneMachine: true
        );
        await using var silo = await CoordinatorSilo.StartAsync(options, server, NullLoggerFactory.Instance, TimeProvider.System);
        await silo.Run.StartAsync(new RunStart(new RunSpec(Run, members, "v", "c", "d"), ResumedFrom: null, Continues: false));
        Console.WriteLine(Ready);

        // Its standard input closes when the measuring process exits.
        await Console.In.ReadToEndAsync();
    }

    public IRunRecords Open(long term, RunState state) => new Records(FileRunLedger.Open(Path.Combine(directory, "ledger"), term));

    public Task ConcludeAsync(RunOutcome outcome) => Task.CompletedTask;

    public void Leave() { }

    public void OnDefect(Exception error) => Console.Error.WriteLine(error);

    private sealed class Records(FileRunLedger ledger) : IRunRecords, IRunObserver
    {
        public IRunLedger Ledger => ledger;

        public IRunObserver Observer => this;

        public CheckpointMark? FindCheckpoint() => null;

        public IReadOnlyList<Shard> Shards(int worldSize, long step) =>
            [
                .. Enumerable
                    .Range(0, worldSize)
                    .Select(rank => new Shard(rank, 1, rank * 8, 8, [new ShardEpoch(0, 0, [new RowGroupRange(rank, 0, 100)])])),
            ];

        public void OnStatus(RunState state) { }

        public void OnSteps(IReadOnlyList<StepRecord> steps) { }

        public void OnWarning(string text) => Console.Error.WriteLine(text);

        public void OnWorkerLine(WorkerLine line) { }

        public void Dispose() => ledger.Dispose();
    }
}
