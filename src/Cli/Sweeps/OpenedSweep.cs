using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A sweep with its trials and its folder.</summary>
internal sealed record OpenedSweep(Sweep Sweep, SweepFolder Folder, IReadOnlyList<Trial> Trials)
{
    /// <summary>True if the trials compute on GPUs.</summary>
    public bool OnGpus => Trials.Any(trial => trial.Resolved.Gpus > 0);

    /// <summary>Number of trials above which a sweep is probably a mistake.</summary>
    public const int Many = 10_000;

    /// <param name="fileOrName">Name of an earlier sweep, or sweep file. A name wins: a file of any kind may be called the same.</param>
    /// <exception cref="ExperimentException">The sweep does not exist or is invalid.</exception>
    public static OpenedSweep Open(string fileOrName)
    {
        var earlier = new SweepFolder(Path.Combine(SweepFolder.Usual, fileOrName));
        var isName = File.Exists(earlier.Source);
        if (!isName && !File.Exists(fileOrName))
        {
            throw new ExperimentException(
                $"{fileOrName} is neither a sweep file nor the name of a sweep that has run: {earlier.Path} has none."
            );
        }

        var sweep = SweepFile.Read(isName ? FileOf(earlier) : fileOrName);
        var combinations = Expansion.Of(sweep).Count;
        if (combinations >= Many)
        {
            Console.WriteLine($"{combinations} trials: computing their cost takes a while.");
        }

        return Plan(sweep, new SweepFolder(sweep.Folder));
    }

    /// <param name="directory">Folder of a sweep that has run.</param>
    /// <exception cref="ExperimentException">The sweep's file no longer exists or is invalid.</exception>
    public static OpenedSweep OfFolder(string directory)
    {
        var folder = new SweepFolder(directory);
        return Plan(SweepFile.Read(FileOf(folder)), folder);
    }

    /// <summary>Path of the file that a sweep was run from.</summary>
    private static string FileOf(SweepFolder folder) => File.ReadAllText(folder.Source).Trim();

    private static OpenedSweep Plan(Sweep sweep, SweepFolder folder)
    {
        var trials = TrialPlanner.Plan(sweep, new RunResolver(sweep));
        var onGpus = trials.Count(trial => trial.Resolved.Gpus > 0);
        return onGpus switch
        {
            > 0 when onGpus < trials.Count => throw new ExperimentException(
                $"{sweep.Path}: cluster.device is cpu in some trials and cuda in others; make one sweep for each."
            ),
            > 0 when sweep.Cores != 1 => throw new ExperimentException(
                $"{sweep.Path}: cores is {sweep.Cores}, but the trials compute on GPUs, one for each of cluster.workers. Remove cores."
            ),
            _ => new OpenedSweep(sweep, folder, trials),
        };
    }
}
