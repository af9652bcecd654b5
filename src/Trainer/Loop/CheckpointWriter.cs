using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Loop;

/// <summary>
/// Writes checkpoints in the background, one at a time, and reports each when it is on disk. Outlives a generation: a write continues
/// while the workers regroup as planned. Reporting may take as long as the coordinator is away; meanwhile later checkpoints are written, and
/// only the newest is reported. A failure is thrown by the next call.
/// </summary>
public sealed class CheckpointWriter(
    CheckpointDirectory checkpoints,
    string configHash,
    string corpusHash,
    CheckpointOptions options,
    ITrainingControl control
) : IDisposable
{
    private readonly Lock _lock = new();
    private Task _writing = Task.CompletedTask,
        _reporting = Task.CompletedTask;
    private (long Step, string Directory)? _unreported;
    private bool _isReporting;

    private Task Reporting
    {
        get
        {
            lock (_lock)
            {
                return _reporting;
            }
        }
    }

    /// <summary>Starts writing a snapshot, after waiting for the previous write. Takes ownership of the snapshot.</summary>
    public void Begin(StateSnapshot snapshot)
    {
        _writing.GetAwaiter().GetResult();
        ThrowIfFailed();
        var unrecorded = control.Unrecorded(snapshot.Step);

        // Of the moment at which the state was current: if the run goes back meanwhile, what it goes back to must stay.
        var retention = new Retention(options.Keep) { SoundStep = options.Rollbacks > 0 ? control.SoundStep : null };
        _writing = Task.Run(() =>
        {
            using (snapshot)
            {
                Report(snapshot.Step, snapshot.Write(checkpoints, configHash, corpusHash, retention, unrecorded));
            }
        });
    }

    /// <summary>Waits until the last checkpoint is on disk and reported.</summary>
    /// <exception cref="WeightsException">The checkpoint could not be written.</exception>
    public void Finish()
    {
        _writing.GetAwaiter().GetResult();
        Reporting.GetAwaiter().GetResult();
    }

    /// <summary>Throws if the last write or report failed; does not wait for one in progress.</summary>
    /// <exception cref="WeightsException">The last checkpoint could not be written.</exception>
    public void ThrowIfFailed()
    {
        foreach (var task in new[] { _writing, Reporting }.Where(task => task.IsFaulted))
        {
            task.GetAwaiter().GetResult();
        }
    }

    /// <summary>Waits for the last write and report, ignoring their results.</summary>
    public void Settle()
    {
        _writing.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        Reporting.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
    }

    /// <summary>Leaves no partial directory behind.</summary>
    public void Dispose() => Settle();

    private void Report(long step, string directory)
    {
        lock (_lock)
        {
            _unreported = (step, directory);
            if (!_isReporting)
            {
                _isReporting = true;
                _reporting = Task.Run(ReportAll);
            }
        }
    }

    private void ReportAll()
    {
        while (TakeUnreported() is { } written)
        {
            control.CheckpointWritten(written.Step, written.Directory);
        }
    }

    private (long Step, string Directory)? TakeUnreported()
    {
        lock (_lock)
        {
            var written = _unreported;
            _unreported = null;
            _isReporting = written is not null;
            return written;
        }
    }
}
