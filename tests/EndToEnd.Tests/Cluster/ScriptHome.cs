namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>
/// Folder with a corpus in which scripts/cluster finds the tested program, and stand-ins for cluster commands that this
/// machine lacks.
/// </summary>
internal sealed class ScriptHome : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly List<ProgramRun> _started = [];

    public ScriptHome()
    {
        Directory.CreateDirectory(Corpus.PathOf("scripts", "cluster"));
        foreach (var script in new[] { "keep", "ssh", "slurm.sbatch" })
        {
            WriteProgram(File.ReadAllText(Repository.ClusterScript(script)), "scripts", "cluster", script);
        }

        WriteProgram($"#!/usr/bin/env bash\nexec dotnet {AppContext.BaseDirectory}program/cliptrain.dll \"$@\"\n", "cliptrain");
    }

    public TinyCorpus Corpus { get; } = new();

    public RunRecord Record => new(Corpus.PathOf("runs", "tiny"), () => string.Join("\n----\n", _started.Select(script => script.Output)));

    /// <summary>Creates a command that takes precedence over the machine's own.</summary>
    public void StandIn(string command, string bash)
    {
        Directory.CreateDirectory(Corpus.PathOf("bin"));
        WriteProgram($"#!/usr/bin/env bash\n{bash}\n", "bin", command);
    }

    /// <summary>Starts a script.</summary>
    /// <param name="environment">Variables, as in <c>SLURM_JOB_ID=7</c>.</param>
    public ProgramRun Run(string script, string[] environment, params string[] arguments)
    {
        _started.Add(
            ProgramRun.StartCommand(
                Corpus.Folder,
                [
                    "env",
                    $"PATH={Corpus.PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}",
                    .. environment,
                    Corpus.PathOf("scripts", "cluster", script),
                    .. arguments,
                ]
            )
        );
        return _started[^1];
    }

    public void Dispose() => Corpus.Dispose();

    private void WriteProgram(string text, params string[] path)
    {
        File.WriteAllText(Corpus.PathOf(path), text);
        File.SetUnixFileMode(Corpus.PathOf(path), Executable);
    }
}
