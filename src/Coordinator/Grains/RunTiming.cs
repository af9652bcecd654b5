using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A UTC clock that never goes back: leases must not expire because somebody set the machine's clock.</summary>
internal sealed class SteadyClock(TimeProvider time)
{
    private readonly DateTimeOffset _start = time.GetUtcNow();
    private readonly long _timestamp = time.GetTimestamp();

    public DateTimeOffset Now => _start + time.GetElapsedTime(_timestamp);
}

/// <summary>Decides when an ended run may be concluded: once its workers and nodes have learned of the end, or have given up.</summary>
internal sealed class Farewell(TimeProvider time)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3),
        Longest = TimeSpan.FromSeconds(30);

    private long _lastMessage = time.GetTimestamp();
    private long? _endedAt;

    public void NoteMessage() => _lastMessage = time.GetTimestamp();

    /// <summary>
    /// True if nobody is left to tell. Nodes leave when they have learned of the end; unmanaged workers keep sending heartbeats
    /// until they have.
    /// </summary>
    /// <param name="ended">The state of a run that has ended.</param>
    public bool IsOver(RunState ended) =>
        (ended.Nodes.Count == 0 && ended.Members.All(member => member.IsManaged))
        || time.GetElapsedTime(_lastMessage) >= Silence
        || time.GetElapsedTime(_endedAt ??= time.GetTimestamp()) >= Longest;
}
