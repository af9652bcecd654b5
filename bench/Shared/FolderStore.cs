using ClipTrain.Torch.Collectives;

namespace ClipTrain.Bench;

/// <summary>Key-value store in a folder, one file per key, through which the processes of a measurement find each other.</summary>
internal sealed class FolderStore(string folder) : IStoreBackend
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    public void Set(string key, ReadOnlySpan<byte> value)
    {
        var file = PathOf(key);
        File.WriteAllBytes($"{file}.partial", value);
        File.Move($"{file}.partial", file, overwrite: true);
    }

    public byte[] Get(string key, TimeSpan timeout)
    {
        var file = PathOf(key);
        return SpinWait.SpinUntil(() => File.Exists(file) || Pause(), timeout)
            ? File.ReadAllBytes(file)
            : throw new TimeoutException($"key '{key}' timed out after {timeout.TotalMilliseconds:0} ms");
    }

    private static bool Pause()
    {
        Thread.Sleep(s_pause);
        return false;
    }

    private string PathOf(string key) => Path.Combine(folder, key.Replace('/', '-'));
}
