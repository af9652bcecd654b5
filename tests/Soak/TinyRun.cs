using System.Diagnostics;
using System.Globalization;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Soak;

/// <summary>A folder with a tiny corpus, and commands that start the program on it with traceable processes.</summary>
internal sealed class TinyRun : IDisposable
{
    public const int GlobalBatch = 12;
    public const int CheckpointEvery = 50;

    private readonly TinyCorpus _corpus = new();
    private readonly string _token = Guid.NewGuid().ToString("N");
    private readonly HashSet<string> _sharedMemory = new(StringComparer.Ordinal);

    public TinyRun()
    {
        Directory.CreateDirectory(Temporary);
        Directory.CreateDirectory(Logs);
    }

    public string Folder => _corpus.Folder;

    /// <summary>True to keep the folder.</summary>
    public bool Keep { get; set; }

    /// <summary>Finds every process that is started, and those that they start.</summary>
    public ProcessMark Mark { get; } = new();

    /// <summary>Connection string of the server that keeps the cluster's members; null without.</summary>
    public string? StoreConnection { get; init; }

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
        string[] command = [.. prefix, "dotnet", Path.Combine(AppContext.BaseDirectory, "program", "cliptrain.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        Mark.Put(start);
        if (StoreConnection is not null)
        {
            start.Environment["CLIPTRAIN_CLUSTERING_CONNECTION"] = StoreConnection;
        }

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
            _corpus.RunFile,
            .. new[]
            {
                $"name={name}",
                $"training.global_batch={GlobalBatch}",
                "training.steps=10000000",
                // Sums over another number of ranks round differently, and training amplifies that the more the faster it goes.
                $"training.learning_rate={(options.IsElastic ? "1e-6" : "2e-3")}",
                $"cluster.workers={options.Workers}",
                $"cluster.min_workers={(options.IsElastic ? 1 : options.Workers)}",
                $"cluster.heartbeat_timeout_seconds={options.Lease.TotalSeconds.ToString(CultureInfo.InvariantCulture)}",
                $"cluster.clustering={options.Clustering.ToString().ToLowerInvariant()}",
                "cluster.collective_timeout_seconds=20",
                "cluster.forming_timeout_seconds=20",
                $"checkpoint={{every_steps: {CheckpointEvery}, keep: {keptCheckpoints}}}",
                "output.tensorboard=false",
                "evaluation={}",
            }.SelectMany(set => new[] { "--set", set }),
        ];

    /// <summary>Notes the shared memory that the runs' processes use now: other programs' is none of theirs.</summary>
    public void NoteSharedMemory()
    {
        foreach (var line in Mark.Processes.SelectMany(process => ProcessMark.ReadOrEmpty($"/proc/{process}/maps").Split('\n')))
        {
            if (line.IndexOf("/dev/shm/", StringComparison.Ordinal) is >= 0 and var path)
            {
                _sharedMemory.Add(line[path..]);
            }
        }
    }

    /// <summary>Describes what the runs' processes have left behind.</summary>
    public IEnumerable<string> Leftovers()
    {
        foreach (var process in Mark.Processes)
        {
            yield return $"process {process} still lives: {string.Join(' ', ProcessMark.ArgumentsOf(process))}";
        }

        foreach (var file in Directory.EnumerateFileSystemEntries(Temporary).Concat(_sharedMemory.Where(File.Exists)))
        {
            yield return $"{file} is left";
        }

        foreach (
            var file in Directory.EnumerateFileSystemEntries(_corpus.PathOf("runs"), "*", SearchOption.AllDirectories).Where(IsTemporary)
        )
        {
            yield return $"{file} is left";
        }
    }

    public void Dispose()
    {
        // Workers outlive their coordinator and write in the folder: those that start others may start some meanwhile.
        while (Mark.Processes.ToList() is { Count: > 0 } left)
        {
            left.ForEach(process => Posix.Send(process, Posix.Kill));
        }

        if (!Keep)
        {
            _corpus.Dispose();
        }
    }

    private static bool IsTemporary(string path) =>
        Path.GetFileName(path) is var name
        && new[] { ".partial", ".replaced", ".tmp" }.Any(part => name.Contains(part, StringComparison.Ordinal));
}
