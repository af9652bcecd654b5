namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Tiny run on a network of hosts: the coordinator on host 1, workers on any host.</summary>
internal sealed class TinyCluster : IDisposable
{
    /// <summary>Addresses of the coordinator on host 1 and of its standby.</summary>
    public const string Coordinators = "10.77.0.1:7700,10.77.0.1:7702";

    private readonly List<ProgramRun> _programs = [];
    private readonly string[] _settings;

    /// <param name="hosts">Number of hosts.</param>
    /// <param name="settings">Keys of the run, as in <c>training.steps=100</c>.</param>
    public TinyCluster(int hosts, params string[] settings)
    {
        _settings = [.. settings.Prepend("evaluation={}").SelectMany(setting => new[] { "--set", setting })];
        Hosts = new NetworkHosts(hosts);
        File.WriteAllText(Corpus.PathOf("token"), "a token of this test");
    }

    public TinyCorpus Corpus { get; } = new();

    public NetworkHosts Hosts { get; }

    public RunRecord Record => new(RunDirectory, () => string.Join("\n----\n", _programs.Select(program => program.Output)));

    public string RunDirectory => Corpus.PathOf("runs", "tiny");

    /// <summary>Starts the run's coordinator. Calling it again acts like a supervisor after a crash.</summary>
    public ProgramRun Coordinator(int host = 1, params string[] options) =>
        Started(
            Hosts.Run(
                host,
                Corpus.Folder,
                [
                    "coordinator",
                    Corpus.RunFile,
                    "--listen",
                    $"{NetworkHosts.Address(host)}:7700",
                    "--token-file",
                    "token",
                    .. _settings,
                    .. options,
                ]
            )
        );

    /// <summary>Starts a worker named after its host.</summary>
    public ProgramRun Worker(int host, params string[] options) => Join(host, Coordinators, ["--token-file", "token", .. options]);

    /// <summary>Starts a worker with only the given options.</summary>
    public ProgramRun Join(int host, string coordinator, params string[] options) =>
        Started(Hosts.Run(host, Corpus.Folder, ["worker", "--coordinator", coordinator, "--name", $"host-{host}", .. options]));

    /// <summary>Runs a command against the run on a host. Returns exit code and output.</summary>
    public (int ExitCode, string Output) Ask(int host, string command, params string[] options)
    {
        using var asked = Hosts.Run(host, Corpus.Folder, [command, "--coordinator", Coordinators, "--token-file", "token", .. options]);
        return (asked.WaitForExit(), asked.Output);
    }

    public void Dispose()
    {
        _programs.ForEach(program => program.Dispose());
        Hosts.Dispose();
        Corpus.Dispose();
    }

    private ProgramRun Started(ProgramRun program)
    {
        _programs.Add(program);
        return program;
    }
}
