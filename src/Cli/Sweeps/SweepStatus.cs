using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Output of <c>sweep status</c>. It writes no file: another process may run the sweep.</summary>
internal static class SweepStatus
{
    /// <summary>Prints what the sweep's folder has.</summary>
    public static void Print(OpenedSweep opened)
    {
        TrialRecord[] records = [.. opened.Trials.Select(trial => opened.Folder.Read(trial.Id))];
        SweepTables.Trials(opened.Trials, records);
        foreach (var state in records.GroupBy(record => record.State).OrderBy(state => state.Key))
        {
            Console.WriteLine($"{state.Count()} {state.Key.ToString().ToLowerInvariant()}");
        }

        var isRunning = RunLock.IsHeld(opened.Folder.Lock);
        Console.WriteLine(
            isRunning ? "The sweep is running."
            : File.Exists(opened.Folder.Experiment) && records.Any(record => !record.IsSettled)
                ? "No process watches the sweep. Its pool may run it: add --coordinator and --token-file to see."
            : $"The sweep is not running; start it with `cliptrain sweep run {opened.Sweep.Path}`."
        );
    }

    /// <summary>Prints what the sweep's folder and its pool have.</summary>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public static async Task PrintAsync(OpenedSweep opened, PoolExperiment experiment)
    {
        var state = await experiment.StateAsync();
        SweepTables.Trials(opened.Trials, PoolRecords.Of(opened, state));
        SweepTables.Pool(await experiment.PoolAsync(), opened.OnGpus, state);
    }
}
