namespace ClipTrain.Experiments.Sweeps;

/// <summary>Runs a trial, or resumes an interrupted one.</summary>
public interface ITrialRunner
{
    /// <param name="trial">The trial.</param>
    /// <param name="cores">Indices of the cores it may use.</param>
    /// <param name="stop">Cancelled to stop the trial at a checkpoint.</param>
    Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<int> cores, CancellationToken stop);
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
/// <param name="Cores">Number of cores.</param>
/// <param name="Tell">Receives a line per event.</param>
public sealed record SweepPool(int Cores, Action<string> Tell);

/// <summary>Runs the trials of a sweep that have no results yet, in parallel.</summary>
public sealed class SweepRunner(Sweep sweep, SweepFolder folder, ITrialRunner runner, SweepPool pool, TimeProvider time)
{
    private readonly SortedSet<int> _free = [.. Enumerable.Range(0, pool.Cores)];
    private readonly List<(Task<TrialEnd> Task, Trial Trial, int[] Cores, DateTimeOffset Began)> _running = [];

    /// <summary>Runs trials. Returns true if all of them ended with a result.</summary>
    /// <param name="trials">The trials to run; settled ones are skipped.</param>
    /// <param name="stop">Cancelled by Ctrl-C: running trials stop at a checkpoint, and no others start.</param>
    public async Task<bool> RunAsync(IEnumerable<Trial> trials, CancellationToken stop)
    {
        if (sweep.Cores > pool.Cores)
        {
            throw new ExperimentException(
                $"{sweep.Path}: a trial needs {sweep.Cores} cores, but the pool has {pool.Cores}. Lower cores, or raise --cores."
            );
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var waiting = new Queue<Trial>(trials.Where(trial => !folder.Read(trial.Id).IsSettled));
        var (attempts, isWhole) = (new Dictionary<string, int>(StringComparer.Ordinal), true);
        while (_running.Count > 0 || (waiting.Count > 0 && !ending.IsCancellationRequested))
        {
            while (waiting.Count > 0 && _free.Count >= sweep.Cores && !ending.IsCancellationRequested)
            {
                Begin(waiting.Dequeue(), ending.Token);
            }

            await Task.WhenAny(_running.Select(one => one.Task));
            foreach (var ended in _running.FindAll(one => one.Task.IsCompleted))
            {
                _running.Remove(ended);
                _free.UnionWith(ended.Cores);
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
        int[] cores = [.. _free.Take(sweep.Cores)];
        _free.ExceptWith(cores);
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
            $"{trial.Id} {(was.State == TrialState.Missing ? "starts" : "resumes")} on core {string.Join(", ", cores)} ({trial.Describe()})"
        );
        _running.Add((runner.RunAsync(trial, cores, stop), trial, cores, now));
    }

    private void Settle(
        (Task<TrialEnd> Task, Trial Trial, int[] Cores, DateTimeOffset Began) ended,
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
                CoreSeconds = was.CoreSeconds + (ended.Cores.Length * (now - ended.Began).TotalSeconds),
                Figures = figures ?? was.Figures,
            }
        );
    }
}
