namespace ClipTrain.Coordinator.Grains;

/// <summary>Time of day that only moves forward: leases must not run out because somebody set the clock.</summary>
internal sealed class SteadyClock(TimeProvider time)
{
    private readonly DateTimeOffset _start = time.GetUtcNow();
    private readonly long _timestamp = time.GetTimestamp();

    public DateTimeOffset Now => _start + time.GetElapsedTime(_timestamp);
}
