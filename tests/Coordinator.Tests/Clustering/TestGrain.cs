using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Tests.Clustering;

public interface ITestGrain : IGrainWithStringKey
{
    /// <summary>Name of the silo that hosts the grain.</summary>
    Task<string> WhereAsync();

    /// <summary>The grain's activation and its silo.</summary>
    Task<(Guid Id, string Silo)> ActivationAsync();

    Task<JoinRequest> EchoAsync(JoinRequest request);

    /// <summary>Counts calls in the cluster's storage.</summary>
    Task<long> CountAsync();
}

public sealed class TestGrain(
    [PersistentState("count", FencedFileStorage.ProviderName)] IPersistentState<Counter> counter,
    ILocalSiloDetails silo
) : Grain, ITestGrain
{
    private readonly Guid _activation = Guid.NewGuid();

    public Task<(Guid Id, string Silo)> ActivationAsync() => Task.FromResult((_activation, silo.Name));

    public Task<string> WhereAsync() => Task.FromResult(silo.Name);

    public Task<JoinRequest> EchoAsync(JoinRequest request) => Task.FromResult(request);

    public async Task<long> CountAsync()
    {
        counter.State.Value++;
        await counter.WriteStateAsync();
        return counter.State.Value;
    }
}

/// <summary>Answers from the gateway that received the call.</summary>
public interface IGatewayTestGrain : IGrainWithIntegerKey
{
    /// <summary>Name of the silo.</summary>
    Task<string> WhereAsync();
}

[StatelessWorker]
public sealed class GatewayTestGrain(ILocalSiloDetails silo) : Grain, IGatewayTestGrain
{
    public Task<string> WhereAsync() => Task.FromResult(silo.Name);
}

public sealed class Counter
{
    public long Value { get; set; }
}
