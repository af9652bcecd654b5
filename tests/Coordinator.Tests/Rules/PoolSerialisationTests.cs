using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class PoolSerialisationTests
{
    private static readonly RunAttempt Attempt = new("e/1", 2);
    private static readonly Lease Lease = new(7, new LeaseRequest(Attempt, "e", 2), [new PoolDevice("a", "cuda:0")])
    {
        Revoked = "lost a/cuda:1",
    };

    [Fact]
    public void Every_message_of_the_pool_and_of_experiments_survives_JSON()
    {
        AssertSurvives(new NodeOffer("a", "host", 3, ["cuda:0", "cpu:1"]), CoordinatorJson.Default.NodeOffer);
        AssertSurvives(new LeaseAnswer(Attempt, Lease, null), CoordinatorJson.Default.LeaseAnswer);
        AssertSurvives(new LeaseAnswer(Attempt, null, "waits"), CoordinatorJson.Default.LeaseAnswer);
        AssertSurvives(
            new ExperimentSpec("e", "gpus", [new TrialSpec("1", "1.yaml", 2) { MaxAttempts = 3, MaxDeviceLosses = 4 }]) { FailFast = true },
            CoordinatorJson.Default.ExperimentSpec
        );
        AssertSurvives(new TrialStart(Attempt, "e", new TrialSpec("1", "1.yaml", 2), Lease), CoordinatorJson.Default.TrialStart);
        AssertSurvives(new TrialEnd(Attempt, TrialEndKind.DevicesLost, "why"), CoordinatorJson.Default.TrialEnd);
    }

    [Fact]
    public void States_with_everything_in_them_survive_JSON()
    {
        var (leases, revoked, queued, stopping) = (0, 0, 0, 0);
        for (var seed = 0; seed < 10; seed++)
        {
            var simulation = new PoolSimulation(seed);
            for (var step = 0; step < 300; step++)
            {
                simulation.Step();
            }

            AssertSurvives(simulation.PoolState, CoordinatorJson.Default.PoolState);
            Assert.All(simulation.ExperimentStates, state => AssertSurvives(state, CoordinatorJson.Default.ExperimentState));
            leases += simulation.PoolState.Leases.Count;
            revoked += simulation.PoolState.Leases.Count(lease => lease.Revoked is not null);
            queued += simulation.PoolState.Queue.Count;
            stopping += simulation.Trials.Count(trial => trial.StopsTo is not null);
        }

        Assert.DoesNotContain(0, new[] { leases, revoked, queued, stopping });
    }

    private static void AssertSurvives<T>(T value, JsonTypeInfo<T> type)
    {
        var json = JsonSerializer.Serialize(value, type);
        var back = JsonSerializer.Deserialize(json, type)!;
        Assert.Equal(json, JsonSerializer.Serialize(back, type));
        Assert.Equivalent(value, back, strict: true);
    }
}
