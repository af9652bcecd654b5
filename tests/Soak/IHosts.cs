namespace ClipTrain.Soak;

/// <summary>The hosts of a run: host 1 has the coordinator, host 2 the first worker.</summary>
internal interface IHosts : IDisposable
{
    string Address(int host);

    /// <summary>Command prefix that runs a command on a host.</summary>
    IReadOnlyList<string> Prefix(int host);

    /// <summary>Packets from and to a host vanish, until it returns.</summary>
    void Cut(int host);

    void Return(int host);
}
