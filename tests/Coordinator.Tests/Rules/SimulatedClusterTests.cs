using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Whichever process dies at any time, the run continues, and every step is in the ledger once and in order.</summary>
public sealed class SimulatedClusterTests
{
    private const int LastStep = 100;

    private static readonly RunTimeouts Timeouts = new()
    {
        Forming = TimeSpan.FromSeconds(10),
        Heartbeat = TimeSpan.FromSeconds(10),
        Regroup = TimeSpan.FromSeconds(20),
    };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 200)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_run_completes_however_often_its_workers_its_nodes_and_its_coordinator_die(int seed)
    {
        var random = new Random(seed);
        var workers = random.Next(1, 5);
        var managed = random.Next(workers + 1);
        var spec = RunScript.Spec(workers, random.Next(1, workers + 1), workers + random.Next(2), managed, Timeouts, fruitless: 1000);
        int[] nodeSlots = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, workers + 1)), managed];
        var cluster = new SimulatedCluster(spec, spec.MaxWorkers - managed + random.Next(2), nodeSlots, LastStep, random);
        for (var round = 0; round < 1000 && !cluster.State.HasEnded; round++)
        {
            cluster.Round(killing: round < 300);
        }

        Assert.Equal($"completed at step {LastStep}", cluster.Outcome?.Message ?? RunScript.Json(cluster.State));
        Assert.Equal(cluster.Ledger.Distinct().Order(), cluster.Ledger);
        if (cluster.Gaps == 0)
        {
            // The last records may still be on their way when all have reported.
            Assert.Equal(Enumerable.Range(1, cluster.Ledger.Count).Select(step => (long)step), cluster.Ledger);
        }
    }

    [Fact]
    public void Without_deaths_nothing_is_missing_and_one_generation_is_enough()
    {
        var cluster = new SimulatedCluster(
            RunScript.Spec(3, managed: 1, timeouts: Timeouts),
            unmanaged: 2,
            nodeSlots: [1],
            LastStep,
            new Random(1)
        );
        for (var round = 0; round < 300 && !cluster.State.HasEnded; round++)
        {
            cluster.Round(killing: false);
        }

        Assert.Equal((OutcomeKind.Completed, 1, 0), (cluster.Outcome!.Kind, cluster.State.Generation, cluster.Gaps));
        Assert.InRange(cluster.Ledger.Count, LastStep - 1, LastStep);
    }
}
