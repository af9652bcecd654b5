using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A launcher that obeys the contract, records what runs, and reports violations.</summary>
internal sealed class RecordingLauncher : RecordedTrials, IRunLauncher
{
    private readonly Dictionary<string, int> _newest = new(StringComparer.Ordinal);
    private readonly Dictionary<RunAttempt, TrialEnd> _ended = [];

    /// <summary>Runs after a start is accepted and before it is answered.</summary>
    public Func<TrialStart, Task> OnStart { get; set; } = _ => Task.CompletedTask;

    public Task StartAsync(TrialStart start)
    {
        lock (Gate)
        {
            if (start.Attempt.Number > _newest.GetValueOrDefault(start.Attempt.Run))
            {
                if (Find(start.Attempt.Run) is { } other)
                {
                    Report([$"{start.Attempt} was started beside {other.Attempt}."]);
                    Finish(other);
                }

                _newest[start.Attempt.Run] = start.Attempt.Number;
                Begin(start);
            }
        }

        return OnStart(start);
    }

    public Task<TrialEnd> StopAsync(Lease lease)
    {
        var attempt = lease.Attempt;
        lock (Gate)
        {
            _newest[attempt.Run] = Math.Max(attempt.Number, _newest.GetValueOrDefault(attempt.Run));
            if (Find(attempt.Run) is { } start && start.Attempt.Number <= attempt.Number)
            {
                Finish(start);
            }

            return Task.FromResult(_ended.GetValueOrDefault(attempt) ?? new TrialEnd(attempt, TrialEndKind.Stopped));
        }
    }

    /// <summary>The processes of a run are gone.</summary>
    public TrialEnd End(string run, TrialEndKind kind)
    {
        lock (Gate)
        {
            var start = Find(run)!;
            Finish(start);
            return _ended[start.Attempt] = new TrialEnd(start.Attempt, kind, "the end");
        }
    }

    private TrialStart? Find(string run) => Running.SingleOrDefault(start => start.Attempt.Run == run);
}
