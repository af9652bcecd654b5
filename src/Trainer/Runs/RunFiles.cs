using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>Where things lie in a run's directory.</summary>
public sealed record RunFiles(string Directory)
{
    /// <summary>Names of files that other folders hold too.</summary>
    public const string LogName = "run.log",
        SummaryName = "summary.json";

    /// <summary>The resolved configuration that the run was started with.</summary>
    public string Config => Path.Combine(Directory, "config.yaml");

    /// <summary>The training corpus as it was found when the run began.</summary>
    public string Manifest => Path.Combine(Directory, "manifest.json");

    /// <summary>The run of a directory, or of a name in the usual place.</summary>
    /// <exception cref="UsageException">There is no such run.</exception>
    public static RunFiles Find(string directoryOrName) =>
        new[] { directoryOrName, Path.Combine(new OutputOptions().Directory, directoryOrName) }
            .Select(directory => new RunFiles(directory))
            .FirstOrDefault(files => File.Exists(files.Config))
        ?? throw new UsageException(
            $"{directoryOrName} is not a run: neither it nor {Path.Combine(new OutputOptions().Directory, directoryOrName)} has a "
                + "config.yaml."
        );

    /// <summary>Directories of all runs in a folder, by name.</summary>
    public static IReadOnlyList<string> All(string folder) =>
        !System.IO.Directory.Exists(folder)
            ? []
            :
            [
                .. System
                    .IO.Directory.GetDirectories(folder)
                    .Where(directory => Path.GetFileName(directory)[0] != '.' && File.Exists(new RunFiles(directory).Config))
                    .Order(StringComparer.Ordinal),
            ];

    /// <summary>What became of the tensors of the weights that the run started from.</summary>
    public string StartFrom => Path.Combine(Directory, "start_from.json");

    public string Checkpoints => Path.Combine(Directory, "checkpoints");

    /// <summary>What the run did after a step from which it then went on once more.</summary>
    public string SetAside => Path.Combine(Directory, "set-aside");

    /// <summary>Folder of the ledger: who took part in which steps with which samples; what <c>cliptrain data audit</c> reads.</summary>
    public string Ledger => Path.Combine(Directory, "ledger");

    /// <summary>Folder of the cluster's members and of the run's state, from which another coordinator goes on.</summary>
    public string Cluster => Path.Combine(Directory, "cluster");

    /// <summary>The token of a run on loopback.</summary>
    public string Token => Path.Combine(Directory, "token");

    /// <summary>Held by the process that hosts the run.</summary>
    public string CoordinatorLock => Path.Combine(Directory, "coordinator.lock");

    /// <summary>Held by the process that starts the run's workers on this machine.</summary>
    public string NodeLock => Path.Combine(Directory, "node.lock");

    public string Metrics => Path.Combine(Directory, "metrics.jsonl");

    /// <summary>Folder of the TensorBoard event files.</summary>
    public string TensorBoard => Path.Combine(Directory, "tensorboard");

    public string Log => Path.Combine(Directory, LogName);

    public string Summary => Path.Combine(Directory, SummaryName);
}
