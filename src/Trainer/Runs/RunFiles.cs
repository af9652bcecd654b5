using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>File layout of a run's directory.</summary>
public sealed record RunFiles(string Directory)
{
    /// <summary>File names that other folders use too.</summary>
    public const string LogName = "run.log",
        SummaryName = "summary.json";

    /// <summary>The resolved configuration of the run.</summary>
    public string Config => Path.Combine(Directory, "config.yaml");

    /// <summary>Manifest of the training corpus, written when the run began.</summary>
    public string Manifest => Path.Combine(Directory, "manifest.json");

    /// <summary>Finds a run by its directory, or by its name under runs/.</summary>
    /// <exception cref="UsageException">There is no such run.</exception>
    public static RunFiles Find(string directoryOrName) =>
        new[] { directoryOrName, Path.Combine(new OutputOptions().Directory, directoryOrName) }
            .Select(directory => new RunFiles(directory))
            .FirstOrDefault(files => File.Exists(files.Config))
        ?? throw new UsageException(
            $"{directoryOrName} is not a run: neither it nor {Path.Combine(new OutputOptions().Directory, directoryOrName)} has a "
                + "config.yaml."
        );

    /// <summary>Directories of all runs in a folder, sorted by name.</summary>
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

    /// <summary>Treatment of each tensor of the initial weights.</summary>
    public string StartFrom => Path.Combine(Directory, "start_from.json");

    public string Checkpoints => Path.Combine(Directory, "checkpoints");

    /// <summary>Steps that change no weight, because the run diverged at them before.</summary>
    public string PassedOver => Path.Combine(Directory, "passed-over.json");

    /// <summary>Records of steps that were rolled back and repeated.</summary>
    public string SetAside => Path.Combine(Directory, "set-aside");

    /// <summary>Folder of the ledger: the samples that each rank read in each step. <c>cliptrain data audit</c> reads it.</summary>
    public string Ledger => Path.Combine(Directory, "ledger");

    /// <summary>Folder of the cluster membership and of the run's state, from which another coordinator can take over.</summary>
    public string Cluster => Path.Combine(Directory, "cluster");

    /// <summary>Access token of a run on loopback.</summary>
    public string Token => Path.Combine(Directory, "token");

    /// <summary>Lock held by the process that hosts the run.</summary>
    public string CoordinatorLock => Path.Combine(Directory, "coordinator.lock");

    /// <summary>Lock held by the process that starts the run's workers on this machine.</summary>
    public string NodeLock => Path.Combine(Directory, "node.lock");

    public string Metrics => Path.Combine(Directory, "metrics.jsonl");

    /// <summary>Folder of the evaluations of checkpoints.</summary>
    public string Evaluation => Path.Combine(Directory, "evaluation");

    /// <summary>Figures of each evaluated checkpoint, one line a step.</summary>
    public string EvaluationLines => Path.Combine(Evaluation, "evaluation.jsonl");

    /// <summary>The same as a table, one row a figure.</summary>
    public string EvaluationTable => Path.Combine(Directory, "evaluation.csv");

    /// <summary>The best evaluated checkpoint, laid out as a run.</summary>
    public string Best => Path.Combine(Directory, "best");

    /// <summary>Folder of the energy that each term's host used.</summary>
    public string Energy => Path.Combine(Directory, "energy");

    /// <summary>Folder of the TensorBoard event files.</summary>
    public string TensorBoard => Path.Combine(Directory, "tensorboard");

    public string Log => Path.Combine(Directory, LogName);

    /// <summary>The log as JSON lines, if output.log_json is set.</summary>
    public string JsonLog => Log + ".jsonl";

    public string Summary => Path.Combine(Directory, SummaryName);
}
