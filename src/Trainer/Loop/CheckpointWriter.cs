using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Loop;

/// <summary>
/// Writes checkpoints in the background, one at a time. Outlives a generation: a write continues while the workers regroup. A
/// failed write is reported by the next call.
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

    /// <summary>Starts writing a snapshot, after waiting for the previous write. Takes ownership of the snapshot.</summary>
    public void Begin(StateSnapshot snapshot)
    {
        Finish();
        var unrecorded = control.Unrecorded(snapshot.Step);
        _writing = Task.Run(() =>
        {
            using (snapshot)
            {
                control.CheckpointWritten(snapshot.Step, snapshot.Write(checkpoints, configHash, corpusHash, keep, unrecorded));
            }
        });
    }

    /// <summary>Waits until the last checkpoint is on disk.</summary>
    /// <exception cref="WeightsException">The checkpoint could not be written.</exception>
    public void Finish() => _writing.GetAwaiter().GetResult();

    /// <summary>Throws if the last write failed; does not wait for a write in progress.</summary>
    /// <exception cref="WeightsException">The last checkpoint could not be written.</exception>
    public void ThrowIfFailed()
    {
        if (_writing.IsFaulted)
        {
            Finish();
        }
    }

    /// <summary>Waits for the last write, ignoring its result, so that no partial directory is left behind.</summary>
    public void Dispose() => _writing.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
}
