using System.Diagnostics;
using System.Globalization;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Soak;

/// <summary>A folder with a tiny corpus, and commands that start the program in it with traceable processes.</summary>
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

    /// <summary>Finds all processes started here, and their descendants.</summary>
    public ProcessMark Mark { get; } = new();

    /// <summary>The membership server; null without one.</summary>
    public StoreServer? Store { get; init; }

    private string Temporary => _corpus.PathOf("temporary");

    private string Logs => _corpus.PathOf("logs");

    public string Log(string process) => Path.Combine(Logs, $"{process}.log");

    public RunFiles Files(string run) => new(_corpus.PathOf("runs", run));

    /// <summary>Steps of a run's checkpoints that were complete at a given time.</summary>
    public IEnumerable<long> Checkpoints(string run, DateTimeOffset before)
    {
        var checkpoints = new CheckpointDirectory(Files(run).Checkpoints);
        return checkpoints.Steps().Where(step => Directory.GetCreationTimeUtc(checkpoints.PathOf(step)) < before.UtcDateTime);
    }

    /// <summary>A command that starts the program in the folder.</summary>
    /// <param name="prefix">Command prefix, such as that of a network namespace.</param>
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
        if (Store is not null)
        {
            start.Environment["CLIPTRAIN_CLUSTERING_CONNECTION"] = Store.ConnectionString;
        }

        start.Environment["CLIPTRAIN_TOKEN"] = _token;
        start.Environment["TMPDIR"] = Temporary;
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        // kill -9 would leave the runtime's debugger sockets behind.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        return start;
    }

    /// <summary>Name of a run file and the options set over it. Runs of one configuration differ only in name.</summary>
    public string[] Configuration(string name, SoakOptions options, int keptCheckpoints) =>
        [
            _corpus.RunFile,
            .. new[]
            {
                $"name={name}",
                $"training.global_batch={GlobalBatch}",
                "training.steps=10000000",
                // Sums over a different number of ranks round differently, and training amplifies this more at higher learning rates.
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

    /// <summary>Records the shared memory that the runs' processes use now, to tell it from that of other programs.</summary>
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

    /// <summary>Describes everything that the runs' processes have left behind.</summary>
    public IEnumerable<string> Leftovers()
    {
        foreach (var process in Mark.Processes)
        {
            yield return $"process {process} is still alive: {string.Join(' ', ProcessMark.ArgumentsOf(process))}";
        }

        foreach (var file in Directory.EnumerateFileSystemEntries(Temporary).Concat(_sharedMemory.Where(File.Exists)))
        {
            yield return $"{file} was left behind";
        }

        foreach (
            var file in Directory.EnumerateFileSystemEntries(_corpus.PathOf("runs"), "*", SearchOption.AllDirectories).Where(IsTemporary)
        )
        {
            yield return $"{file} was left behind";
        }
    }

    public void Dispose()
    {
        // Workers outlive their coordinator and write to the folder, and nodes may start more of them meanwhile.
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
