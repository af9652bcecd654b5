using System.Diagnostics;
using System.Globalization;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Soak;

/// <summary>A folder with a tiny corpus, and how to start the program on it so that every process of it can be found.</summary>
internal sealed class TinyRun : IDisposable
{
    public const int GlobalBatch = 12;
    public const int CheckpointEvery = 50;

    /// <summary>In the environment of every process that is started, and of those that they start.</summary>
    private const string Marker = "CLIPTRAIN_SOAK";

    private readonly TinyCorpus _corpus = new();
    private readonly string _mark = Guid.NewGuid().ToString("N");
    private readonly string _token = Guid.NewGuid().ToString("N");
    private readonly HashSet<string> _sharedMemory = [.. Directory.EnumerateFileSystemEntries(SharedMemory)];

    public TinyRun()
    {
        Directory.CreateDirectory(Temporary);
        Directory.CreateDirectory(Logs);
    }

    public string Folder => _corpus.Folder;

    /// <summary>Whether the folder stays.</summary>
    public bool Keep { get; set; }

    private static string SharedMemory => "/dev/shm";

    private string Temporary => _corpus.PathOf("temporary");

    private string Logs => _corpus.PathOf("logs");

    public string Log(string process) => Path.Combine(Logs, $"{process}.log");

    public RunFiles Files(string run) => new(_corpus.PathOf("runs", run));

    /// <summary>The steps of a run's checkpoints that were whole at a time.</summary>
    public IEnumerable<long> Checkpoints(string run, DateTimeOffset before)
    {
        var checkpoints = new CheckpointDirectory(Files(run).Checkpoints);
        return checkpoints.Steps().Where(step => Directory.GetCreationTimeUtc(checkpoints.PathOf(step)) < before.UtcDateTime);
    }

    /// <summary>A command that starts the program in the folder.</summary>
    /// <param name="prefix">What stands before the program's own command.</param>
    public ProcessStartInfo Program(IReadOnlyList<string> prefix, params string[] arguments)
    {
        string[] command = [.. prefix, "dotnet", Path.Combine(AppContext.BaseDirectory, "cliptrain.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment[Marker] = _mark;
        start.Environment["CLIPTRAIN_TOKEN"] = _token;
        start.Environment["TMPDIR"] = Temporary;
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        // The runtime's own sockets for debuggers would be left behind by kill -9.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        return start;
    }

    /// <summary>A run file's name and what is set on top of it. Runs of one configuration differ in nothing but their name.</summary>
    public string[] Configuration(string name, SoakOptions options, int keptCheckpoints) =>
    [
        _corpus.RunFile, .. new[]
        {
            $"name={name}",
            $"training.global_batch={GlobalBatch}",
            "training.steps=10000000",
            // Sums over another number of ranks round differently, and training amplifies that the more the faster it goes.
            $"training.learning_rate={(options.IsElastic ? "1e-6" : "2e-3")}",
            $"cluster.workers={options.Workers}",
            $"cluster.min_workers={(options.IsElastic ? 1 : options.Workers)}",
            $"cluster.heartbeat_timeout_seconds={options.Lease.TotalSeconds.ToString(CultureInfo.InvariantCulture)}",
            "cluster.collective_timeout_seconds=20",
            "cluster.forming_timeout_seconds=20",
            $"checkpoint={{every_steps: {CheckpointEvery}, keep: {keptCheckpoints}}}",
            "output.tensorboard=false",
            "evaluation={}",
        }.SelectMany(set => new[] { "--set", set }),
    ];

    /// <summary>What the processes of the runs have left behind, in words.</summary>
    public IEnumerable<string> Leftovers()
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(IsOurs))
            yield return $"process {Path.GetFileName(process)} still lives: {Posix.ReadOrEmpty(Path.Combine(process, "cmdline")).Replace('\0', ' ')}";
        foreach (var file in Directory.EnumerateFileSystemEntries(Temporary).Concat(Directory.EnumerateFileSystemEntries(SharedMemory).Except(_sharedMemory, StringComparer.Ordinal)))
            yield return $"{file} is left";
        foreach (var file in Directory.EnumerateFileSystemEntries(_corpus.PathOf("runs"), "*", SearchOption.AllDirectories).Where(IsTemporary))
            yield return $"{file} is left";
    }

    public void Dispose()
    {
        if (!Keep)
            _corpus.Dispose();
    }

    private static bool IsTemporary(string path) =>
        Path.GetFileName(path) is var name && new[] { ".partial", ".replaced", ".tmp" }.Any(part => name.Contains(part, StringComparison.Ordinal));

    private bool IsOurs(string process) => int.TryParse(Path.GetFileName(process), out _) && Posix.ReadOrEmpty(Path.Combine(process, "environ")).Contains(_mark, StringComparison.Ordinal);
}
