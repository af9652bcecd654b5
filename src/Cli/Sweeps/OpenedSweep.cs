using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A sweep with its trials and its folder.</summary>
internal sealed record OpenedSweep(Sweep Sweep, SweepFolder Folder, IReadOnlyList<Trial> Trials)
{
    /// <summary>So many trials are hardly meant.</summary>
    public const int Many = 10_000;

    /// <param name="fileOrName">A sweep's file, or the name of one that was run.</param>
    /// <exception cref="ExperimentException">There is none, or it cannot be used.</exception>
    public static OpenedSweep Open(string fileOrName)
    {
        var source = new SweepFolder(Path.Combine("sweeps", fileOrName)).Source;
        var sweep = SweepFile.Read(!File.Exists(fileOrName) && File.Exists(source) ? File.ReadAllText(source).Trim() : fileOrName);
        var combinations = Expansion.Of(sweep).Count;
        if (combinations >= Many)
            Console.WriteLine($"{combinations} trials: working out what they cost takes a while.");
        return new OpenedSweep(sweep, new SweepFolder(sweep.Folder), TrialPlanner.Plan(sweep, new RunResolver(sweep)));
    }
}
