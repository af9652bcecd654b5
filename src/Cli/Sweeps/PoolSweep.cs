using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Experiments;
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
/// <param name="time">Clock for the time between looks.</param>
internal sealed class PoolSweep(OpenedSweep opened, PoolExperiment experiment, Action<string> tell, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, Trial> _trials = opened.Trials.ToDictionary(trial => trial.Id, StringComparer.Ordinal);

    /// <summary>Records as read once or written since: nobody else writes them while this process holds the sweep's lock.</summary>
    private readonly Dictionary<string, TrialRecord> _records = new(StringComparer.Ordinal);

    private readonly Dictionary<string, TrialState> _seen = new(StringComparer.Ordinal);
    private readonly WaitingNotice _waiting = new(tell);

    /// <summary>Runs trials. Returns true if all of them ended with a result.</summary>
    /// <param name="trials">The trials to run; settled ones are skipped.</param>
    /// <param name="leave">Cancelled to leave the trials to the pool.</param>
    /// <exception cref="ExperimentException">The pool cannot run a trial, or refuses it.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers, or the pool has lost the trials.</exception>
    public async Task<bool> RunAsync(IReadOnlyList<Trial> trials, CancellationToken leave)
    {
        try
        {
            if (await SubmitAsync(trials, leave) is [_, ..] submitted)
            {
                await WatchAsync(submitted, leave);
            }
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested)
        {
            // No coordinator answers.
        }

        return trials.All(trial => Record(trial).IsSettled);
    }

    /// <summary>Submits the trials without results, once those that were stopped before have ended.</summary>
    /// <returns>These trials; none on leaving.</returns>
    private async Task<IReadOnlyList<Trial>> SubmitAsync(IReadOnlyList<Trial> trials, CancellationToken leave)
    {
        for (var isRepeated = false; ; isRepeated = true)
        {
            var newest = await AfterStopAsync(leave);
            var missing = trials.Where(trial => !Record(trial).IsSettled).ToList();
            if (missing.Count == 0 || leave.IsCancellationRequested)
            {
                return [];
            }

            if (await experiment.SubmitAsync(missing, newest) is not { } refusal)
            {
                TellRemoved(newest);
                return missing;
            }

            // fail_fast or `sweep stop` may have ended the experiment since its state was read.
            if (isRepeated)
            {
                throw new ExperimentException(
                    $"{opened.Sweep.Path}: the pool adds no trials to those that it has of this sweep. `cliptrain sweep stop`, then "
                        + $"`cliptrain sweep run`, submits all that have no result anew. The pool's reason: {refusal}"
                );
            }
        }
    }

    /// <summary>Waits for trials that are being stopped. Returns the newest experiment; null if the pool has none.</summary>
    private async Task<ExperimentState?> AfterStopAsync(CancellationToken leave)
    {
        var newest = await SyncAsync(leave);
        for (var isTold = false; newest is { EndedBecause: not null, IsSettled: false } && !leave.IsCancellationRequested; isTold = true)
        {
            if (!isTold)
            {
                var count = newest.Trials.Count(trial => trial is not { IsOver: true, HasClaim: false });
                tell($"waiting for {Readable.Count(count, "trial")} to stop at a checkpoint");
            }

            await Task.Delay(Poll, time, leave).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            newest = await SyncAsync(leave);
        }

        return newest;
    }

    /// <summary>Tells what happens to submitted trials until all are over.</summary>
    private async Task WatchAsync(IReadOnlyList<Trial> trials, CancellationToken leave)
    {
        var ids = trials.Select(trial => trial.Id).ToHashSet(StringComparer.Ordinal);
        while (!leave.IsCancellationRequested)
        {
            var newest = await SyncAsync(leave);
            var states = newest?.Trials.Where(state => ids.Contains(state.Spec.Id)).ToList();
            if (states?.Count != ids.Count)
            {
                throw new CoordinatorLostException(
                    "The pool has lost its state, and with it this sweep's trials: start it with its former --directory, or run the "
                        + "command again to submit them anew."
                );
            }

            _waiting.Look(newest);
            if (states.All(state => state.IsOver))
            {
                if (newest!.EndedBecause is { } why)
                {
                    tell($"the sweep has ended early: {why}");
                }

                return;
            }

            await Task.Delay(Poll, time, leave).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Copies the states of the newest experiment to the sweep's folder, and tells what is new.</summary>
    /// <returns>The state; null if the pool has none.</returns>
    private async Task<ExperimentState?> SyncAsync(CancellationToken leave)
    {
        var state = await experiment.WatchAsync(tell, leave);
        foreach (var now in state?.Trials ?? [])
        {
            if (_trials.TryGetValue(now.Spec.Id, out var trial))
            {
                var was = Record(trial);
                TellChange(trial, was, state!.Spec!.Name, now);
                _seen[now.Run] = now;
                var record = PoolRecords.After(was, trial, state.Spec.Name, now);
                if (!ReferenceEquals(record, was))
                {
                    opened.Folder.Write(record);
                    _records[trial.Id] = record;
                }
            }
        }

        return state;
    }

    private TrialRecord Record(Trial trial)
    {
        if (!_records.TryGetValue(trial.Id, out var record))
        {
            _records.Add(trial.Id, record = opened.Folder.Read(trial.Id));
        }

        return record;
    }

    /// <summary>Tells of trials that the pool still has although the sweep's file names them no more.</summary>
    private void TellRemoved(ExperimentState? state)
    {
        var removed = state
            ?.Trials.Where(trial => !trial.IsOver && !_trials.ContainsKey(trial.Spec.Id))
            .Select(trial => trial.Spec.Id)
            .ToList();
        if (removed is [_, ..])
        {
            tell(
                $"the pool also runs trials that {opened.Sweep.Path} does not have any more: {string.Join(", ", removed)}. `cliptrain "
                    + "sweep stop`, then `cliptrain sweep run`, runs only those that it has."
            );
        }
    }

    /// <summary>Tells what is new in a state of a trial.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="record">Its record before the state.</param>
    /// <param name="name">The experiment of the state. Records of an earlier one tell nothing of its attempts.</param>
    /// <param name="now">The state.</param>
    private void TellChange(Trial trial, TrialRecord record, string name, TrialState now)
    {
        var of = $"({trial.Describe()})";
        var (recorded, was) = (record.State, _seen.GetValueOrDefault(now.Run));
        var isKnown = record.Pool?.Experiment == name;
        var (attempts, failures) =
            was is not null ? (was.Attempt, was.Failures)
            : isKnown ? (now.Attempt, now.Failures)
            : (1, 0);
        if (now.Attempt > attempts)
        {
            tell(
                now.Failures > failures
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
            case TrialStatus.Failed when recorded != Ended.Failed || !isKnown:
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
