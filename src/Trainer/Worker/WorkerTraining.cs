using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
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
/// What a worker keeps from one generation to the next: the training state, and the way to bring it to where a generation
/// starts. Belongs to the torch thread.
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

    /// <summary>The step of the whole state in memory; null when there is none that can be used.</summary>
    public long? HeldStep { get; private set; }

    /// <summary>The last step that this worker has committed.</summary>
    public long CommittedStep => _state?.Step ?? 0;

    /// <summary>Takes part in a generation from its start to its end.</summary>
    /// <param name="place">The place in it.</param>
    /// <param name="over">Cancelled when the coordinator declares it over.</param>
    /// <exception cref="DistributedException">The generation broke; the state is whole at <see cref="HeldStep"/> if that has a
    /// value.</exception>
    public LoopEnd Train(Assignment place, CancellationToken over)
    {
        LeaveGroup();
        Threads.Set(RunPlan.ComputeThreads(options.Cluster, identity.Cores));
        _state ??= new TrainingState(options, ComputeDevice.Open(identity.Device));
        var group = RankGroups.Join(
            place,
            client,
            new RankPlace(identity.Address, ComputeDevice.Open(identity.Device)),
            options.Cluster,
            options.Training.SyncBatchNorm,
            over
        );
        try
        {
            _state.TakePlace(place.Rank, place.WorldSize);
            var shard =
                client.ShardAsync(place.Generation, over).GetAwaiter().GetResult()
                ?? throw new OperationCanceledException("The generation is over.");
            Synchronize(place, group);
            var end = Loop(place, shard, group, over);
            // The others may not have read all that this rank sent: the group stays until they have left it too.
            _left = group;
            return end;
        }
        catch (Exception error)
        {
            group.Abandon();
            _state.Model.Parameters.ReplaceGradients();
            if (error is OperationCanceledException)
                throw new DistributedException("The generation is over.", error) { Aborted = true };
            if (DeviceMemoryException.IsCauseOf(error))
                throw new DeviceMemoryException(identity.Device, error);
            throw;
        }
    }

    /// <summary>Writes the state as a checkpoint without the other ranks, when the run ends and this rank's state is the newest.</summary>
    public void SaveAlone()
    {
        writer.Begin(_state!.Snapshot());
        writer.Finish();
    }

    /// <summary>Leaves the last group; to be called when all ranks have left it.</summary>
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

    private LoopEnd Loop(Assignment place, Shard shard, RankGroup group, CancellationToken over)
    {
        var total = RunPlan.TotalSteps(options.Training, manifest.SampleCount);
        using var loader = RunPlan.OpenLoader(
            options,
            manifest,
            new LoaderShare(place.Rank, place.WorldSize, identity.Cores, _state!.Step, total) { Shard = shard },
            control.BadSample,
            control.Warn
        );
        using var loop = new TrainingLoop(
            options,
            new TrainingPlan(total, manifest.SampleCount, place.Generation, MixtureEpochs.Of(manifest, options)),
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
            // An update is local and whole, but where ranks hold parts of the moments the others' are gone.
            HeldStep = options.Training.ShardOptimizer ? null : _state.Step;
        }
    }

    /// <summary>Brings the state to where the generation starts: from a rank that holds it, from a checkpoint, or anew.</summary>
    private void Synchronize(Assignment place, RankGroup group)
    {
        if (place.SourceRank is { } source)
        {
            if (place.NeedsTransfer)
                StateTransfer.Broadcast(_state!, group, source);
        }
        else if (place.Checkpoint is { } checkpoint)
        {
            StateTransfer.Load(_state!, group, checkpoints, checkpoint.Step, _configHash, manifest.Hash);
        }
        else
        {
            if (HeldStep is not null || _state!.Step > 0)
            {
                // The old state is gone, whatever becomes of the new one.
                HeldStep = null;
                _state!.Dispose();
                _state = new TrainingState(options, ComputeDevice.Open(identity.Device));
                _state.TakePlace(place.Rank, place.WorldSize);
            }

            if (options.Training.StartFrom is not null)
                StateTransfer.Begin(_state, group, options);
            else if (place.WorldSize > 1)
                StateTransfer.ShareFresh(_state, group);
        }

        HeldStep = _state!.Step;
    }
}

/// <summary>Which worker this process is, and what of its machine it uses.</summary>
/// <param name="WorkerId">Its name in the run.</param>
/// <param name="Address">The address of this machine at which the other ranks reach it.</param>
/// <param name="Device">What it computes on, as in "cpu" or "cuda:1".</param>
/// <param name="Cores">Cores of this machine that it may use.</param>
public sealed record WorkerIdentity(string WorkerId, string Address, string Device, int Cores)
{
    /// <summary>Which process of the worker this is, as the node that started it says; null when no node has.</summary>
    public int? Start { get; init; }

    /// <summary>Tells this process from one that had the same worker id before.</summary>
    public string Incarnation { get; } = Guid.NewGuid().ToString("N");
}
