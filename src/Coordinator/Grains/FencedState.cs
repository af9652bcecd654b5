using Orleans.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// A grain's state: one turn at a time, written before anybody learns of it. Storage refuses to write over what another
/// activation has written, so a zombie, one that was taken over while it could not be heard, changes nothing and ends itself.
/// </summary>
internal sealed class FencedState<TState>(IPersistentState<TState> storage, IGrainBase grain)
{
    private readonly SemaphoreSlim _turn = new(1);
    private bool _isFenced;

    /// <summary>The state after the last turn. What is not worth a write may be newer than what is written.</summary>
    public TState Value { get; private set; } = storage.State;

    /// <summary>Fences the activation before: makes the state another version, after which that can write no more.</summary>
    public Task TakeOverAsync(Func<TState, TState> withNextEpoch) =>
        storage.RecordExists ? TurnAsync(state => (withNextEpoch(state), MustPersist: true, 0)) : Task.CompletedTask;

    public async Task<TResult> TurnAsync<TResult>(Func<TState, (TState Next, bool MustPersist, TResult Result)> handle)
    {
        await _turn.WaitAsync();
        try
        {
            if (_isFenced)
            {
                throw new OrleansException($"{grain.GrainContext.GrainId} has been taken over by another process.");
            }

            var (next, mustPersist, result) = handle(Value);
            if (mustPersist)
            {
                storage.State = next;
                await storage.WriteStateAsync();
            }

            Value = next;
            return result;
        }
        catch (InconsistentStateException)
        {
            _isFenced = true;
            grain.DeactivateOnIdle();
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }
}
