using Orleans.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// A grain's state, changed one turn at a time and stored before anybody sees the result. Storage refuses to overwrite what
/// another activation has written, so an activation that was replaced while it was unreachable changes nothing and deactivates.
/// </summary>
internal sealed class FencedState<TState>(IPersistentState<TState> storage, IGrainBase grain)
{
    private readonly TurnGate _gate = new($"{grain.GrainContext.GrainId}");

    /// <summary>The state after the last turn. It may be newer than the stored one by changes that are not worth a write.</summary>
    public TState Value { get; private set; } = storage.State;

    /// <summary>Fences off the previous activation by storing another version of the state, after which it can store no more.</summary>
    public Task TakeOverAsync(Func<TState, TState> withNextTerm) =>
        storage.RecordExists ? TurnAsync(state => (withNextTerm(state), MustPersist: true, 0)) : Task.CompletedTask;

    public Task<TResult> TurnAsync<TResult>(Func<TState, (TState Next, bool MustPersist, TResult Result)> handle) =>
        InTurnAsync(async () =>
        {
            var (next, mustPersist, result) = handle(Value);
            if (mustPersist)
            {
                storage.State = next;
                await storage.WriteStateAsync();
            }

            Value = next;
            return result;
        });

    /// <summary>Deletes the stored state if a condition holds; the state is then an initial one.</summary>
    public Task ClearAsync(Func<TState, bool> condition) =>
        InTurnAsync(async () =>
        {
            if (condition(Value))
            {
                await storage.ClearStateAsync();
                Value = storage.State;
            }

            return true;
        });

    private async Task<TResult> InTurnAsync<TResult>(Func<Task<TResult>> change)
    {
        using var turn = await _gate.EnterAsync();
        try
        {
            return await change();
        }
        catch (InconsistentStateException)
        {
            _gate.Fence();
            grain.DeactivateOnIdle();
            throw;
        }
    }
}

/// <summary>Admits one turn of a grain at a time, and none after another activation has taken over.</summary>
/// <param name="name">Name of the grain in errors.</param>
internal sealed class TurnGate(string name)
{
    private readonly SemaphoreSlim _turn = new(1);
    private bool _isFenced;

    /// <summary>Waits for the turn.</summary>
    /// <returns>Ends the turn when disposed.</returns>
    /// <exception cref="OrleansException">Another activation has taken over.</exception>
    public async Task<IDisposable> EnterAsync()
    {
        await _turn.WaitAsync();
        try
        {
            ThrowIfFenced();
            return new Turn(_turn);
        }
        catch
        {
            _turn.Release();
            throw;
        }
    }

    /// <summary>Admits no further turn.</summary>
    public void Fence() => _isFenced = true;

    /// <exception cref="OrleansException">Another activation has taken over.</exception>
    public void ThrowIfFenced()
    {
        if (_isFenced)
        {
            throw new OrleansException($"{name} was taken over by another process.");
        }
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
