namespace ClipTrain.Experiments.Sweeps;

/// <summary>Runs a trial, or resumes an interrupted one.</summary>
public interface ITrialRunner
{
    /// <param name="trial">The trial.</param>
    /// <param name="devices">Names of the cores or GPUs it may use.</param>
    /// <param name="stop">Cancelled to stop the trial at a checkpoint.</param>
    Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<string> devices, CancellationToken stop);
}

/// <summary>Outcome of an attempt at a trial.</summary>
public abstract record TrialEnd
{
    /// <summary>Ended with results: figures by name.</summary>
    public sealed record Done(IReadOnlyDictionary<string, double> Figures) : TrialEnd;

    /// <summary>Ended with a non-finite loss.</summary>
    public sealed record Diverged(string Reason) : TrialEnd;

    /// <summary>Ended without results.</summary>
    public sealed record Failed(string Reason) : TrialEnd;

    /// <summary>Stopped at a checkpoint on request.</summary>
    public sealed record Stopped : TrialEnd;
}

/// <summary>Resources of a sweep.</summary>
/// <param name="Devices">Names of its cores, or of its GPUs.</param>
/// <param name="Tell">Receives a line per event.</param>
public sealed record SweepPool(IReadOnlyList<string> Devices, Action<string> Tell);

/// <summary>Runs the trials of a sweep that have no results yet, in parallel.</summary>
public sealed class SweepRunner(Sweep sweep, SweepFolder folder, ITrialRunner runner, SweepPool pool, TimeProvider time)
{
    /// <summary>Indices of the devices that no trial uses.</summary>
    private readonly SortedSet<int> _free = [.. Enumerable.Range(0, pool.Devices.Count)];
    private readonly List<(Task<TrialEnd> Task, Trial Trial, int[] Devices, DateTimeOffset Began)> _running = [];

    /// <summary>Runs trials. Returns true if all of them ended with a result.</summary>
    /// <param name="trials">The trials to run; settled ones are skipped.</param>
    /// <param name="stop">Cancelled by Ctrl-C: running trials stop at a checkpoint, and no others start.</param>
    public async Task<bool> RunAsync(IEnumerable<Trial> trials, CancellationToken stop)
    {
        if (trials.FirstOrDefault(trial => sweep.DevicesOf(trial) > pool.Devices.Count) is { } large)
        {
            throw new ExperimentException(
                large.Resolved.Gpus > 0
                    ? $"{sweep.Path}: a trial needs {large.Resolved.Gpus} GPUs, one for each worker, but --device names "
                        + $"{pool.Devices.Count}. Lower cluster.workers, or name more."
                    : $"{sweep.Path}: a trial needs {sweep.Cores} cores, but the sweep has {pool.Devices.Count}. Lower cores, or raise --cores."
            );
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var waiting = new Queue<Trial>(trials.Where(trial => !folder.Read(trial.Id).IsSettled));
        var (attempts, isWhole) = (new Dictionary<string, int>(StringComparer.Ordinal), true);
        while (_running.Count > 0 || (waiting.Count > 0 && !ending.IsCancellationRequested))
        {
            while (waiting.Count > 0 && _free.Count >= sweep.DevicesOf(waiting.Peek()) && !ending.IsCancellationRequested)
            {
                Begin(waiting.Dequeue(), ending.Token);
            }

            await Task.WhenAny(_running.Select(one => one.Task));
            foreach (var ended in _running.FindAll(one => one.Task.IsCompleted))
            {
                _running.Remove(ended);
                _free.UnionWith(ended.Devices);
                switch (await ended.Task)
                {
                    case TrialEnd.Failed failed
                        when (attempts[ended.Trial.Id] = attempts.GetValueOrDefault(ended.Trial.Id) + 1) <= sweep.Retries:
                        Settle(ended, TrialState.Begun, failed.Reason);
                        pool.Tell($"{ended.Trial.Id} failed and will be retried ({ended.Trial.Describe()}): {failed.Reason}");
                        waiting.Enqueue(ended.Trial);
                        break;
                    case TrialEnd.Failed failed:
                        isWhole = false;
                        Settle(ended, TrialState.Failed, failed.Reason);
                        pool.Tell(
                            $"{ended.Trial.Id} failed ({ended.Trial.Describe()}): {failed.Reason} Its log: {folder.Log(ended.Trial.Id)}"
                        );
                        if (sweep.FailFast)
                        {
                            await ending.CancelAsync();
                        }

                        break;
                    case TrialEnd.Diverged diverged:
                        Settle(ended, TrialState.Diverged, diverged.Reason);
                        pool.Tell($"{ended.Trial.Id} diverged ({ended.Trial.Describe()}): {diverged.Reason}");
                        break;
                    case TrialEnd.Done done:
                        Settle(ended, TrialState.Done, reason: null, done.Figures);
                        pool.Tell($"{ended.Trial.Id} done ({ended.Trial.Describe()})");
                        break;
                    default:
                        Settle(ended, TrialState.Begun, reason: null);
                        break;
                }
            }
        }

        return isWhole && waiting.Count == 0 && trials.All(trial => folder.Read(trial.Id).IsSettled);
    }

    private void Begin(Trial trial, CancellationToken stop)
    {
        int[] devices = [.. _free.Take(sweep.DevicesOf(trial))];
        string[] names = [.. devices.Select(device => pool.Devices[device])];
        _free.ExceptWith(devices);
        var (was, now) = (folder.Read(trial.Id), time.GetUtcNow());
        folder.Write(
            was with
            {
                State = TrialState.Begun,
                Labels = trial.Labels.ToDictionary(StringComparer.Ordinal),
                Attempts = was.Attempts + 1,
                Started = was.Started ?? now,
                Reason = null,
            }
        );
        pool.Tell(
            $"{trial.Id} {(was.State == TrialState.Missing ? "starts" : "resumes")} on {string.Join(", ", names)} ({trial.Describe()})"
        );
        _running.Add((AttemptAsync(trial, names, stop), trial, devices, now));
    }

    /// <summary>Runs a trial. An exception, for example because of an unreadable lock file, is a failure of this trial alone.</summary>
    private async Task<TrialEnd> AttemptAsync(Trial trial, IReadOnlyList<string> devices, CancellationToken stop)
    {
        try
        {
            return await runner.RunAsync(trial, devices, stop);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new TrialEnd.Failed(error.Message);
        }
    }

    private void Settle(
        (Task<TrialEnd> Task, Trial Trial, int[] Devices, DateTimeOffset Began) ended,
        TrialState state,
        string? reason,
        IReadOnlyDictionary<string, double>? figures = null
    )
    {
        var (was, now) = (folder.Read(ended.Trial.Id), time.GetUtcNow());
        folder.Write(
            was with
            {
                State = state,
                Reason = reason,
                Ended = state == TrialState.Begun ? null : now,
                CoreSeconds = was.CoreSeconds + (ended.Devices.Length * (now - ended.Began).TotalSeconds),
                Figures = figures ?? was.Figures,
            }
        );
    }
}
