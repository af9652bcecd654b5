using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// State that a worker keeps from one generation to the next, and its synchronisation at the start of a generation. Use only on the
/// torch thread.
/// </summary>
public sealed class WorkerTraining(
    RunOptions options,
    CorpusManifest manifest,
    WorkerIdentity identity,
    CoordinatorClient client,
    WorkerControl control,
    CheckpointWriter writer,
    CheckpointDirectory checkpoints
) : IDisposable
{
    private readonly string _configHash = ConfigHash.Of(options);
    private TrainingState? _state;
    private RankGroup? _left;

    /// <summary>Step of the complete state in memory; null if there is no usable one.</summary>
    public long? HeldStep { get; private set; }

    /// <summary>The last step that this worker has committed.</summary>
    public long CommittedStep => _state?.Step ?? 0;

    /// <summary>Takes part in a generation from its start to its end.</summary>
    /// <param name="assignment">This worker's assignment.</param>
    /// <param name="over">Cancelled when the coordinator declares the generation over.</param>
    /// <exception cref="DistributedException">
    /// The generation broke. The state is intact at <see cref="HeldStep"/> if that has a value.
    /// </exception>
    public LoopEnd Train(Assignment assignment, CancellationToken over)
    {
        LeaveGroup();
        Threads.Set(RunPlan.ComputeThreads(options.Cluster, identity.Cores));
        _state ??= new TrainingState(options, ComputeDevice.Open(identity.Device));
        var group = RankGroups.Join(
            assignment,
            client,
            new RankEndpoint(identity.Address, ComputeDevice.Open(identity.Device)),
            options.Cluster,
            options.Training.SyncBatchNorm,
            over
        );
        try
        {
            _state.SetRank(assignment.Rank, assignment.WorldSize);
            var shard =
                client.ShardAsync(assignment.Generation, over).GetAwaiter().GetResult()
                ?? throw new OperationCanceledException("The generation is over.");
            Synchronize(assignment, group);
            var end = Loop(assignment, shard, group, over);
            // Other ranks may not have received everything that this rank sent, so the group stays open until all have left.
            _left = group;
            return end;
        }
        catch (Exception error)
        {
            group.Abandon();
            _state.Model.Parameters.ReplaceGradients();
            if (error is OperationCanceledException)
            {
                throw new DistributedException("The generation is over.", error) { Aborted = true };
            }

            if (DeviceMemoryException.IsCauseOf(error))
            {
                throw new DeviceMemoryException(identity.Device, error);
            }

            throw;
        }
    }

    /// <summary>Writes the state as a checkpoint without the other ranks, when the run ends and this rank has the newest state.</summary>
    public void SaveAlone()
    {
        writer.Begin(_state!.Snapshot());
        writer.Finish();
    }

    /// <summary>Closes the last group; call when all ranks have left it.</summary>
    public void LeaveGroup()
    {
        _left?.Dispose();
        _left = null;
    }

    public void Dispose()
    {
        LeaveGroup();
        _state?.Dispose();
    }

    private LoopEnd Loop(Assignment assignment, Shard shard, RankGroup group, CancellationToken over)
    {
        var total = RunPlan.TotalSteps(options.Training, manifest.SampleCount);
        using var loader = RunPlan.OpenLoader(
            options,
            manifest,
            new LoaderShare(assignment.Rank, assignment.WorldSize, identity.Cores, _state!.Step, total) { Shard = shard },
            control.BadSample,
            control.Warn
        );
        using var loop = new TrainingLoop(
            options,
            new TrainingPlan(total, manifest.SampleCount, assignment.Generation, MixtureEpochs.Of(manifest, options)),
            _state,
            group,
            loader,
            writer,
            control,
            TimeProvider.System
        );
        try
        {
            return loop.Run(over);
        }
        finally
        {
            // An update is local and atomic. With sharded moments, though, the other ranks' slices are gone.
            HeldStep = options.Training.ShardOptimizer ? null : _state.Step;
        }
    }

    /// <summary>
    /// Brings the state to the start of the generation: from a rank that holds it, from a checkpoint, or from initial weights.
    /// </summary>
    private void Synchronize(Assignment assignment, RankGroup group)
    {
        if (assignment.SourceRank is { } source)
        {
            if (assignment.NeedsTransfer)
            {
                StateTransfer.Broadcast(_state!, group, source);
            }
        }
        else if (assignment.Checkpoint is { } checkpoint)
        {
            StateTransfer.Load(_state!, group, checkpoints, checkpoint.Step, _configHash, manifest.Hash);
        }
        else
        {
            if (HeldStep is not null || _state!.Step > 0)
            {
                // The old state is lost even if loading fails.
                HeldStep = null;
                _state!.Dispose();
                _state = new TrainingState(options, ComputeDevice.Open(identity.Device));
                _state.SetRank(assignment.Rank, assignment.WorldSize);
            }

            if (options.Training.StartFrom is not null)
            {
                StateTransfer.Begin(_state, group, options);
            }
            else if (assignment.WorldSize > 1)
            {
                StateTransfer.ShareFresh(_state, group);
            }
        }

        HeldStep = _state!.Step;
    }
}

/// <summary>Identity of this worker process and the resources of its machine that it uses.</summary>
/// <param name="WorkerId">Name of the worker in the run.</param>
/// <param name="Address">Address at which the other ranks reach this machine.</param>
/// <param name="Device">Compute device, for example "cpu" or "cuda:1".</param>
/// <param name="Cores">Number of cores that the worker may use.</param>
public sealed record WorkerIdentity(string WorkerId, string Address, string Device, int Cores)
{
    /// <summary>Number of times the node has started this worker; null if no node started it.</summary>
    public int? Start { get; init; }

    /// <summary>Unique id of this process; distinguishes it from an earlier process with the same worker id.</summary>
    public string Incarnation { get; } = Guid.NewGuid().ToString("N");
}
