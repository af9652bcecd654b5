using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Records which trials start and run, and the devices that two of them are given at once.</summary>
internal abstract class RecordedTrials
{
    private readonly List<TrialStart> _running = [];
    private readonly List<RunAttempt> _started = [];
    private readonly List<string> _faults = [];

    /// <summary>Attempts in starting order.</summary>
    public IReadOnlyList<RunAttempt> Started => Copy(_started);

    public IReadOnlyList<TrialStart> Running => Copy(_running);

    /// <summary>Violations of the contract.</summary>
    public IReadOnlyList<string> Faults => Copy(_faults);

    /// <summary>Guards the lists and the state of subclasses. A thread may enter it again.</summary>
    protected Lock Gate { get; } = new();

    protected void Begin(TrialStart start)
    {
        lock (Gate)
        {
            _faults.AddRange(
                _running
                    .Where(other => other.Lease.Devices.Intersect(start.Lease.Devices).Any())
                    .Select(other => $"{start.Attempt} was started on devices of {other.Attempt}.")
            );
            _started.Add(start.Attempt);
            _running.Add(start);
        }
    }

    protected void Finish(TrialStart start)
    {
        lock (Gate)
        {
            _running.Remove(start);
        }
    }

    protected void Report(IEnumerable<string> faults)
    {
        lock (Gate)
        {
            _faults.AddRange(faults);
        }
    }

    private IReadOnlyList<T> Copy<T>(List<T> list)
    {
        lock (Gate)
        {
            return [.. list];
        }
    }
}
