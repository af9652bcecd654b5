using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// State that a worker keeps from one generation to the next. For each generation it joins the other ranks, brings the state to the
/// generation's first step and builds the training loop. Use only on the torch thread.
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
    private RankGroup? _group;
    private bool _isSynchronized;

    /// <summary>See <see cref="TrainingPlan.Probe"/>.</summary>
    public Action<ClipModel, long>? Probe { get; init; }

    /// <summary>
    /// Step of the complete state in memory; null if there is no usable one: an update may fail half-way for lack of memory on a GPU, and
    /// with sharded moments the other ranks' slices are lost with their ranks.
    /// </summary>
    public long? HeldStep => _isSynchronized && !_state!.IsUpdating && !options.Training.ShardOptimizer ? _state.Step : null;

    /// <summary>The last step that this worker has committed.</summary>
    public long CommittedStep => _state?.Step ?? 0;

    /// <summary>The state; null before the first generation.</summary>
    internal TrainingState? State => _state;

    /// <summary>Enters a generation: connects to its ranks, synchronises the state and opens the loader.</summary>
    /// <param name="assignment">This worker's assignment.</param>
    /// <param name="over">Cancelled when the coordinator declares the generation over.</param>
    /// <returns>The loop that trains this generation; the caller disposes it. If it fails, call <see cref="Abandon"/>.</returns>
    /// <exception cref="DistributedException">A rank did not connect, or was lost meanwhile.</exception>
    public TrainingLoop Enter(Assignment assignment, CancellationToken over)
    {
        LeaveGroup();
        Threads.Set(RunPlan.ComputeThreads(options.Cluster, identity.Cores));
        _state ??= NewState(assignment);
        _group = RankGroups.Join(
            assignment,
            client,
            new RankEndpoint(identity.Address, ComputeDevice.Open(identity.Device)),
            options.Cluster,
            options.Training.SyncBatchNorm,
            over
        );
        _state.SetRank(assignment.Rank, assignment.WorldSize);
        var shard =
            client.ShardAsync(assignment.Generation, over).GetAwaiter().GetResult()
            ?? throw new OperationCanceledException("The generation is over.");
        Synchronize(assignment, _group);
        var plan = TrainingPlan.Of(options, manifest, assignment.Generation) with { Probe = Probe, PassedOver = assignment.PassedOver };
        return new TrainingLoop(
            options,
            plan,
            _state,
            _group,
            RunPlan.OpenLoader(
                options,
                manifest,
                new LoaderShare(assignment.Rank, assignment.WorldSize, identity.Cores, _state.Step, plan.TotalSteps) { Shard = shard },
                control.BadSample,
                control.Warn
            ),
            writer,
            control,
            TimeProvider.System
        );
    }

    /// <summary>
    /// Leaves a generation that failed, once a checkpoint that is being written is on disk: if the run goes back, what this worker wrote is
    /// set aside, and nothing may appear after that. Returns if <paramref name="error"/> explains the failure to the user; otherwise throws an
    /// error that does. The state is intact at <see cref="HeldStep"/> if that has a value.
    /// </summary>
    /// <exception cref="DistributedException">The generation was declared over.</exception>
    /// <exception cref="DeviceMemoryException">The device ran out of memory.</exception>
    public void Abandon(Exception error)
    {
        _group?.Abandon();
        _group = null;
        _state?.Model.Parameters.ReplaceGradients();
        writer.Settle();
        if (error is OperationCanceledException)
        {
            throw new DistributedException("The generation is over.", error) { Aborted = true };
        }

        if (DeviceMemoryException.IsCauseOf(error))
        {
            throw new DeviceMemoryException(identity.Device, error);
        }
    }

    /// <summary>Writes the state as a checkpoint without the other ranks, when the run ends and this rank has the newest state.</summary>
    public void SaveAlone()
    {
        writer.Begin(_state!.Snapshot());
        writer.Finish();
    }

    public void Dispose()
    {
        LeaveGroup();
        _state?.Dispose();
    }

    /// <summary>A fresh state. With sharded moments it never holds more than its slice of them, which may be all that fits.</summary>
    private TrainingState NewState(Assignment assignment) =>
        new(options, ComputeDevice.Open(identity.Device), assignment.Rank, assignment.WorldSize);

    /// <summary>
    /// Closes the group of the last generation. Other ranks may not have received everything that this rank sent, so the group stays
    /// open until all have left: until the next generation forms or the worker ends.
    /// </summary>
    private void LeaveGroup()
    {
        _group?.Dispose();
        _group = null;
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
            if (_isSynchronized || _state!.Step > 0)
            {
                // The old state is lost even if loading fails.
                _isSynchronized = false;
                _state!.Dispose();
                _state = NewState(assignment);
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

        _state!.IsUpdating = false;
        _isSynchronized = true;
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
