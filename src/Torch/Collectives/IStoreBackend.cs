namespace ClipTrain.Torch.Collectives;

/// <summary>
/// The keys through which the ranks of a group find each other; all ranks must see the same. What it throws reaches the
/// group's maker as the text of a <see cref="DistributedException"/>.
/// </summary>
public interface IStoreBackend
{
    /// <summary>Writes a value. The span is the caller's: copy what is kept.</summary>
    void Set(string key, ReadOnlySpan<byte> value);

    /// <summary>The key's value; waits for the key.</summary>
    /// <exception cref="TimeoutException">It is not there in time.</exception>
    byte[] Get(string key, TimeSpan timeout);
}

/// <summary>A store whose keys all begin with a prefix, for one of several groups over the same keys.</summary>
public sealed class PrefixStore(string prefix, IStoreBackend store) : IStoreBackend
{
    public void Set(string key, ReadOnlySpan<byte> value) => store.Set($"{prefix}/{key}", value);

    public byte[] Get(string key, TimeSpan timeout) => store.Get($"{prefix}/{key}", timeout);
}
