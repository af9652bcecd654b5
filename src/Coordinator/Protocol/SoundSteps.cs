namespace ClipTrain.Coordinator.Protocol;

/// <summary>
/// What a worker knows of the steps that did not diverge. The coordinator looks at steps as it records them, and if they diverged, its next
/// answer ends the generation: what one answer acknowledges is sound once another follows that does not. Not thread-safe.
/// </summary>
public sealed class SoundSteps
{
    private long _recorded;

    /// <summary>The last step known to be sound; 0 if there is none.</summary>
    public long Last { get; private set; }

    /// <summary>Enters a generation: what comes after its first step is undone or unknown.</summary>
    public void Enter(long startStep) => _recorded = Last = Math.Min(Last, startStep);

    /// <summary>Takes an answer of the generation.</summary>
    public void Hear(HeartbeatAnswer answer)
    {
        if (answer.Directive < Directive.Rejoin)
        {
            (Last, _recorded) = (_recorded, answer.RecordedStep);
        }
    }
}
