namespace ClipTrain.Torch;

/// <summary>
/// Where a <see cref="torch.distributed.CallbackStore"/> keeps its keys. All ranks of a group must see the same keys. Called
/// from whichever thread uses the store, several at a time. What it throws reaches the store's user as the text of a
/// <see cref="DistributedException"/>. A time-out of <see cref="Timeout.InfiniteTimeSpan"/> waits for ever.
/// </summary>
public interface IStoreBackend
{
    /// <summary>Writes a value. The span is the caller's: copy what is kept.</summary>
    void Set(string key, ReadOnlySpan<byte> value);

    /// <summary>The key's value; waits for the key.</summary>
    /// <exception cref="TimeoutException">It is not there in time.</exception>
    byte[] Get(string key, TimeSpan timeout);

    /// <summary>
    /// Adds to a counter, which starts at 0, and returns its new value. No two calls see the same value. <see cref="Get"/>
    /// reads a counter as decimal digits, as in every c10d store.
    /// </summary>
    long Add(string key, long amount);

    /// <summary>Whether the key is there; does not wait.</summary>
    bool Check(string key);

    /// <summary>Removes a key; false when it was not there.</summary>
    bool Delete(string key);

    /// <summary>Waits until the key is there.</summary>
    /// <exception cref="TimeoutException">It is not in time.</exception>
    void Wait(string key, TimeSpan timeout);
}
