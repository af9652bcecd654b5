using System.Text;

namespace ClipTrain.Torch.Tests;

/// <summary>
/// The keys of a store as files of a folder, for ranks in several processes. <c>Python/file_store.py</c> is the other side.
/// It has what forming a group needs.
/// </summary>
internal sealed class FileStore(string folder) : IStoreBackend
{
    public void Set(string key, ReadOnlySpan<byte> value)
    {
        string path = PathOf(key);
        string partial = path + ".partial";
        File.WriteAllBytes(partial, value);
        File.Move(partial, path, overwrite: true);
    }

    public byte[] Get(string key, TimeSpan timeout)
    {
        Wait(key, timeout);
        return File.ReadAllBytes(PathOf(key));
    }

    public bool Check(string key) => File.Exists(PathOf(key));

    public void Wait(string key, TimeSpan timeout)
    {
        if (!SpinWait.SpinUntil(() => Check(key), timeout))
        {
            throw new TimeoutException($"key '{key}' timed out");
        }
    }

    public bool Delete(string key) => throw new NotSupportedException();

    public long Add(string key, long amount) => throw new NotSupportedException();

    private string PathOf(string key) => Path.Combine(folder, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(key)));
}
