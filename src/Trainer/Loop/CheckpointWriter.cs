using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Loop;

/// <summary>
/// Writes checkpoints behind training, one at a time. It outlives a generation: a write that has begun goes on while the
/// workers regroup. A failure surfaces at the next call.
/// </summary>
public sealed class CheckpointWriter(
    CheckpointDirectory checkpoints,
    string configHash,
    string corpusHash,
    int keep,
    ITrainingControl control
) : IDisposable
{
    private Task _writing = Task.CompletedTask;

    /// <summary>Begins to write a snapshot, which it then owns; waits first for the one before.</summary>
    public void Begin(StateSnapshot snapshot)
    {
        Finish();
        var unrecorded = control.Unrecorded(snapshot.Step);
        _writing = Task.Run(() =>
        {
            using (snapshot)
                control.CheckpointWritten(snapshot.Step, snapshot.Write(checkpoints, configHash, corpusHash, keep, unrecorded));
        });
    }

    /// <summary>Returns when what was begun is on disk.</summary>
    /// <exception cref="WeightsException">It could not be written.</exception>
    public void Finish() => _writing.GetAwaiter().GetResult();

    /// <summary>Tells of a failure without waiting.</summary>
    /// <exception cref="WeightsException">The last checkpoint could not be written.</exception>
    public void ThrowIfFailed()
    {
        if (_writing.IsFaulted)
            Finish();
    }

    /// <summary>Waits for the last write, whatever became of it, so that no half-written directory is left behind.</summary>
    public void Dispose() => _writing.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
}
