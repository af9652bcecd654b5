using ClipTrain.Cli.Evaluation.Pools;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Cli.Workers;

/// <summary>Runs what a pool places on this machine, by the kind of its file: trials of sweeps and sets of suites.</summary>
/// <param name="node">This node.</param>
/// <param name="processes">Its processes.</param>
/// <param name="tell">Receives the lines that nodes' processes print.</param>
internal sealed class PoolJobs(TrialNode node, NodeProcesses processes, Action<string> tell) : ITrialHost
{
    private readonly PoolTrials _trials = new(node, processes, tell);
    private readonly SetHost _sets = new(processes);

    public Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop) =>
        SetJob.IsAt(start.Trial.RunFile) ? _sets.RunAsync(start, stop) : _trials.RunAsync(start, stop);
}
