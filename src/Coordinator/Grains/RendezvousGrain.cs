using ClipTrain.Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.Placement;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The key-value store with which the ranks of one generation build their process group. Its key is RUN/GENERATION.</summary>
public interface IRendezvousGrain : IGrainWithStringKey
{
    /// <summary>Called by the run when the generation has formed. Serves its keys from then on.</summary>
    [ResponseTimeout("00:00:08")]
    Task OpenAsync();

    /// <summary>Called by the run when the generation is over. Refuses waiting calls.</summary>
    [ResponseTimeout("00:00:08")]
    Task CloseAsync();

    /// <summary>Carries out one operation. A Get is held for at most five seconds.</summary>
    /// <returns>Null if the key is still missing: ask again.</returns>
    /// <exception cref="CoordinatorRefusedException">The generation is over, or its keys were lost with their process.</exception>
    [ResponseTimeout("00:00:08")]
    Task<StoreAnswer?> AskAsync(StoreRequest request);
}

/// <summary>
/// Keeps a generation's keys only in memory. If they are lost with their process, ranks that are still connecting are refused and join
/// again.
/// </summary>
[Reentrant, PreferLocalPlacement]
public sealed class RendezvousGrain(TimeProvider time) : Grain, IRendezvousGrain
{
    private readonly RendezvousStore _store = new();

    public static string KeyOf(string run, int generation) => $"{run}/{generation}";

    public Task OpenAsync()
    {
        _store.Open();
        return Task.CompletedTask;
    }

    public Task CloseAsync()
    {
        _store.Close();
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task<StoreAnswer?> AskAsync(StoreRequest request)
    {
        try
        {
            return await _store.AskAsync(request).WaitAsync(HeldCalls.Limit, time);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }
}
