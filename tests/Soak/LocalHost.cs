namespace ClipTrain.Soak;

/// <summary>Runs every host's processes on this machine.</summary>
internal sealed class LocalHost : IHosts
{
    public string Address(int host) => "127.0.0.1";

    public IReadOnlyList<string> Prefix(int host) => [];

    public void Cut(int host) => throw new NotSupportedException("A single host has no network to cut.");

    public void Return(int host) => throw new NotSupportedException("A single host has no network to cut.");

    public void Dispose() { }
}
