using System.Text.Json.Serialization;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The part of a run that is stored and outlives an activation.</summary>
[GenerateSerializer]
public sealed class RunRecord
{
    /// <summary>
    /// Number of activations. Each stores the next number before it does anything else, which fences off the previous one.
    /// </summary>
    [Id(0)]
    [JsonPropertyName("epoch")]
    public long Term { get; set; }

    [Id(1)]
    public RunState? State { get; set; }

    /// <summary>True once the ended run has been evaluated and summarized.</summary>
    [Id(2)]
    public bool IsConcluded { get; set; }
}

/// <summary>Reads and writes the <see cref="RunRecord"/> for one activation, and tells disk errors from others.</summary>
internal sealed class StoredRun(IPersistentState<RunRecord> storage)
{
    public long Term => storage.State.Term;

    /// <summary>The state in memory, which may be newer than the stored one; null before the run starts.</summary>
    public RunState? State => storage.State.State;

    public bool IsConcluded => storage.State.IsConcluded;

    /// <summary>Fences off the previous activation.</summary>
    public Task BeginTermAsync(CancellationToken cancellationToken)
    {
        storage.State.Term++;
        return storage.WriteStateAsync(cancellationToken);
    }

    /// <summary>Replaces the state in memory; <see cref="TrySaveAsync"/> stores it.</summary>
    public void Set(RunState next) => storage.State.State = next;

    /// <summary>Marks the run as concluded in memory; <see cref="TrySaveAsync"/> stores it.</summary>
    public void MarkConcluded() => storage.State.IsConcluded = true;

    /// <summary>Stores the state that the run continues from, unless it is the current one. Changes nothing if it throws.</summary>
    /// <exception cref="IOException">The state cannot be written.</exception>
    public async Task ContinueFromAsync(RunState state)
    {
        var (before, wasConcluded) = (State, IsConcluded);
        if (before == state)
        {
            return;
        }

        try
        {
            (storage.State.State, storage.State.IsConcluded) = (state, false);
            if (await TrySaveAsync() is { } diskError)
            {
                throw new IOException(diskError.Message, diskError);
            }
        }
        catch
        {
            (storage.State.State, storage.State.IsConcluded) = (before, wasConcluded);
            throw;
        }
    }

    /// <summary>Stores the state.</summary>
    /// <returns>Null on success; the error if the disk is full or cannot be written.</returns>
    public async Task<Exception?> TrySaveAsync()
    {
        try
        {
            await storage.WriteStateAsync();
            return null;
        }
        catch (Exception error) when (DiskErrorOf(error) is { } diskError)
        {
            return diskError;
        }
    }

    /// <summary>The storage's own exception, which Orleans wraps; null for any other kind.</summary>
    public static Exception? DiskErrorOf(Exception error) =>
        error switch
        {
            IOException or UnauthorizedAccessException => error,
            OrleansException { InnerException: { } inner } => DiskErrorOf(inner),
            _ => null,
        };
}
