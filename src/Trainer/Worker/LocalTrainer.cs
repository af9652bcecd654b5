using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// Trains a run in this process, without a coordinator: the entry point for training from C#. Batches, steps and the resulting run
/// folder are those of <c>cliptrain train</c> with one worker; <c>cliptrain eval</c>, <c>export</c> and <c>resume</c> can open the
/// folder. Use it only on the thread that created it.
/// </summary>
public sealed class LocalTrainer : IDisposable
{
    private readonly RunOptions _options;
    private readonly CorpusManifest _manifest;
    private readonly TrainingState _state;
    private readonly CheckpointDirectory _checkpoints;
    private readonly int _cores;

    /// <summary>Selects the corpus, creates the run's folder and draws the initial weights.</summary>
    /// <param name="options">The run, as <see cref="RunConfig.Load"/> reads it; cluster.workers must be 1.</param>
    /// <exception cref="UsageException">The run's folder is not empty, or the run needs more than one worker.</exception>
    /// <exception cref="CorpusException">The corpus cannot be used.</exception>
    public LocalTrainer(RunOptions options)
    {
        if (options.Cluster.Workers != 1)
        {
            throw new UsageException($"cluster.workers is {options.Cluster.Workers}: training in this process needs cluster.workers: 1.");
        }

        Files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        RunFolder.RequireNew(Files);
        (_options, _manifest) = NewRun.Create(Files, options);
        _cores = Environment.ProcessorCount;
        _checkpoints = new CheckpointDirectory(Files.Checkpoints);
        Threads.Set(RunPlan.ComputeThreads(_options.Cluster, _cores));
        _state = new TrainingState(_options, ComputeDevice.Open(_options.Cluster.Device));
        if (_options.Training.StartFrom is not null)
        {
            StateTransfer.Begin(_state, new RankGroup(), _options);
        }
    }

    /// <summary>The run's folder.</summary>
    public RunFiles Files { get; }

    /// <summary>The model in its current state.</summary>
    public ClipModel Model => _state.Model;

    /// <summary>Trains from the current step to the last one and writes the run's checkpoints.</summary>
    /// <param name="onStep">Called after each step.</param>
    /// <param name="stop">When cancelled, training finishes the current step, writes a checkpoint and stops.</param>
    /// <returns>True if the run has reached its last step.</returns>
    /// <exception cref="Objectives.NonFiniteException">Loss or gradients are NaN or infinite; the update was not applied.</exception>
    public bool Train(Action<StepMetrics>? onStep = null, CancellationToken stop = default)
    {
        var plan = TrainingPlan.Of(_options, _manifest, generation: 1);
        var control = new LocalControl(onStep, stop);
        using var writer = new CheckpointWriter(_checkpoints, ConfigHash.Of(_options), _manifest.Hash, _options.Checkpoint, control);
        using var group = new RankGroup();
        using var loop = new TrainingLoop(
            _options,
            plan,
            _state,
            group,
            RunPlan.OpenLoader(_options, _manifest, new LoaderShare(0, 1, _cores, _state.Step, plan.TotalSteps)),
            writer,
            control,
            TimeProvider.System
        );
        return loop.Run(CancellationToken.None) == LoopEnd.Completed;
    }

    public void Dispose() => _state.Dispose();

    /// <summary>Forwards step metrics and the stop request; records nothing else.</summary>
    private sealed class LocalControl(Action<StepMetrics>? onStep, CancellationToken stop) : ITrainingControl
    {
        public Directive TakeDirective() => stop.IsCancellationRequested ? Directive.Stop : Directive.Continue;

        public void StepCommitted(StepRecord record) => onStep?.Invoke(record.Metrics);

        public IReadOnlyList<StepRecord> Unrecorded(long upToStep) => [];

        // Nobody judges these steps, and nobody goes back.
        public long SoundStep => long.MaxValue;

        public void CheckpointWritten(long step, string directory) { }
    }
}
