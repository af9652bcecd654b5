using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.State;
using ClipTrain.Experiments.Sweeps;
using Ended = ClipTrain.Experiments.Sweeps.TrialState;
using TrialState = ClipTrain.Coordinator.State.TrialState;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// Runs a sweep's trials on a pool and copies their states to the sweep's folder, where they look like those of a local sweep. The trials
/// go on without this process.
/// </summary>
/// <param name="opened">The sweep.</param>
/// <param name="experiment">Its experiment on the pool.</param>
/// <param name="tell">Receives a line per event.</param>
internal sealed class PoolSweep(OpenedSweep opened, PoolExperiment experiment, Action<string> tell)
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, TrialState> _seen = new(StringComparer.Ordinal);
    private readonly WaitingNotice _waiting = new(tell);

    /// <summary>Runs trials. Returns true if all of them ended with a result.</summary>
    /// <param name="trials">The trials to run; settled ones are skipped.</param>
    /// <param name="leave">Cancelled to leave the trials to the pool.</param>
    /// <exception cref="Experiments.ExperimentException">The pool cannot run a trial.</exception>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public async Task<bool> RunAsync(IReadOnlyList<Trial> trials, CancellationToken leave)
    {
        var newest = await SyncAsync();

        // What was stopped is still about to end.
        while (newest is { EndedBecause: not null, IsSettled: false } && !leave.IsCancellationRequested)
        {
            await Task.Delay(Poll, CancellationToken.None);
            newest = await SyncAsync();
        }

        var missing = trials.Where(trial => !opened.Folder.Read(trial.Id).IsSettled).ToList();
        if (missing.Count == 0)
        {
            return true;
        }

        await experiment.SubmitAsync(missing, newest);
        TellRemoved(newest);
        while (!leave.IsCancellationRequested)
        {
            newest = await SyncAsync();
            _waiting.Look(newest);
            if (newest is null || missing.All(trial => newest.Trials.Any(state => state.Spec.Id == trial.Id && state.IsOver)))
            {
                break;
            }

            await Task.Delay(Poll, leave).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (newest?.EndedBecause is { } why)
        {
            tell($"the sweep has ended early: {why}");
        }

        return trials.All(trial => opened.Folder.Read(trial.Id).IsSettled);
    }

    /// <summary>Copies the states of the newest experiment to the sweep's folder, and tells what is new.</summary>
    /// <returns>The state; null if the pool has none.</returns>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public async Task<ExperimentState?> SyncAsync()
    {
        var state = await experiment.StateAsync();
        var byId = opened.Trials.ToDictionary(trial => trial.Id, StringComparer.Ordinal);
        foreach (var now in state?.Trials ?? [])
        {
            if (byId.TryGetValue(now.Spec.Id, out var trial))
            {
                TellChange(trial, _seen.GetValueOrDefault(now.Run), now);
                _seen[now.Run] = now;
                Record(trial, now);
            }
        }

        return state;
    }

    /// <summary>Tells of trials that the pool still has although the sweep's file names them no more.</summary>
    private void TellRemoved(ExperimentState? state)
    {
        var named = opened.Trials.Select(trial => trial.Id).ToHashSet(StringComparer.Ordinal);
        var removed = state?.Trials.Where(trial => !trial.IsOver && !named.Contains(trial.Spec.Id)).Select(trial => trial.Spec.Id).ToList();
        if (removed is [_, ..])
        {
            tell(
                $"the pool also runs trials that {opened.Sweep.Path} does not have any more: {string.Join(", ", removed)}. `cliptrain "
                    + "sweep stop`, then `cliptrain sweep run`, runs only those that it has."
            );
        }
    }

    private void Record(Trial trial, TrialState now)
    {
        var was = opened.Folder.Read(trial.Id);
        if (was.IsSettled || now.Started is null)
        {
            return;
        }

        var record = was with
        {
            State = now.Status switch
            {
                TrialStatus.Completed => Ended.Done,
                TrialStatus.Diverged => Ended.Diverged,
                TrialStatus.Failed => Ended.Failed,
                _ => Ended.Begun,
            },

            // An earlier experiment may have used more.
            Attempts = Math.Max(was.Attempts, now.Attempt),
            CoreSeconds = Math.Max(was.CoreSeconds, now.DeviceSeconds),
            Started = now.Started,
            Ended = now.Ended,
            Reason = now.Status is TrialStatus.Diverged or TrialStatus.Failed ? now.Text : null,
        };
        if (record != was || (now.Figures is not null && record.State == Ended.Done))
        {
            opened.Folder.Write(
                record with
                {
                    Labels = trial.Labels.ToDictionary(StringComparer.Ordinal),
                    Figures = now.Figures ?? was.Figures,
                }
            );
        }
    }

    private void TellChange(Trial trial, TrialState? was, TrialState now)
    {
        var (of, recorded) = ($"({trial.Describe()})", opened.Folder.Read(trial.Id).State);
        if (now.Attempt > (was?.Attempt ?? now.Attempt))
        {
            tell(
                now.Failures > was!.Failures
                    ? $"{trial.Id} failed and will be retried {of}: {now.ReturnedBecause}"
                    : $"{trial.Id} returns to the queue {of}: {now.ReturnedBecause}"
            );
        }

        switch (now.Status)
        {
            case TrialStatus.Starting or TrialStatus.Running when was is not { IsStarted: true } || was.Attempt != now.Attempt:
                tell(
                    $"{trial.Id} {(recorded == Ended.Missing ? "starts" : was is null ? "runs" : "resumes")} on "
                        + $"{now.Lease!.Describe()} {of}"
                );
                break;
            case TrialStatus.Completed when recorded != Ended.Done:
                tell($"{trial.Id} done {of}");
                break;
            case TrialStatus.Failed when recorded != Ended.Failed:
                tell($"{trial.Id} failed {of}: {now.Text} Its log: {opened.Folder.Log(trial.Id)}");
                break;
            case TrialStatus.Diverged when recorded != Ended.Diverged:
                tell($"{trial.Id} diverged {of}: {now.Text}");
                break;
            case TrialStatus.Stopped when was is { IsOver: false }:
                tell($"{trial.Id} stopped {of}");
                break;
        }
    }
}
