namespace ClipTrain.Soak;

/// <summary>The hosts of a run. Host 1 runs the coordinator, host 2 the first worker.</summary>
internal interface IHosts : IDisposable
{
    string Address(int host);

    /// <summary>Command prefix that runs a command on a host.</summary>
    IReadOnlyList<string> Prefix(int host);

    /// <summary>Drops all packets from and to a host until <see cref="Return"/>.</summary>
    void Cut(int host);

    void Return(int host);
}
