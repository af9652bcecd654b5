using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>A worker process that follows the protocol.</summary>
/// <param name="slot">The number of its worker.</param>
/// <param name="number">A new one for each process.</param>
internal sealed class SimulatedProcess(int slot, int number)
{
    public int Slot => slot;

    public string Id => WorkerIds.ForSlot(slot);

    public string Incarnation => JoinRequest.Incarnation;

    /// <summary>The node that started it; null for an unmanaged worker.</summary>
    public SimulatedNode? Node { get; init; }

    /// <summary>The start number that its node was given.</summary>
    public int? Start { get; init; }

    public bool IsAlive { get; private set; } = true;

    /// <summary>True while it waits for a held call.</summary>
    public bool IsHeld { get; set; }

    public Assignment? Assignment { get; private set; }

    public long? Step { get; set; }

    /// <summary>True if it has taken no step since it was assigned.</summary>
    public bool IsNew { get; set; }

    public bool WasAssigned => Assignment is not null || Left > 0;

    public int Left { get; private set; }

    public bool WantsRegroup { get; set; }

    public RecordQueue Records { get; } = new();

    public JoinRequest JoinRequest =>
        RunScript.JoinRequest(slot, number) with
        {
            Start = Start,
            HeldStep = Step,
            LeftGeneration = Left,
            Reason = Reason,
        };

    private string? Reason { get; set; }

    public Heartbeat Heartbeat
    {
        get
        {
            // Rank 0 alone tells of its generation's steps; everybody tells of those before it.
            var batch = Records.Batch(Assignment is { Rank: > 0 } assignment ? assignment.StartStep : long.MaxValue);
            return new Heartbeat(Id, Incarnation, Assignment?.Generation ?? Left, Step ?? 0, batch.Records, [])
            {
                HasMoreRecords = batch.HasMore,
            };
        }
    }

    public void End() => (IsAlive, IsHeld) = (false, false);

    public void Enter(Assignment assignment)
    {
        (Assignment, IsNew, WantsRegroup) = (assignment, true, false);
        Records.DropAfter(assignment.StartStep);
    }

    public void Leave(string? reason)
    {
        IsHeld = false;
        if (Assignment is not null)
        {
            (Left, Reason, Assignment) = (Assignment.Generation, reason, null);
        }
    }
}

/// <summary>A machine that runs workers. It can die, or be disconnected from the coordinator while its workers continue.</summary>
internal sealed class SimulatedNode(string id, int slots)
{
    private int _number;

    public string Id => id;

    public bool IsUp { get; set; } = true;

    public bool IsCutOff { get; set; }

    public bool IsReached => IsUp && !IsCutOff;

    /// <summary>The last ordered start of each worker.</summary>
    public Dictionary<string, int> Starts { get; } = new(StringComparer.Ordinal);

    public Coordinator.State.Node Message => new(id, $"node-process-{_number}", slots);

    public void Restart()
    {
        _number++;
        IsUp = true;
        Starts.Clear();
    }
}
