namespace ClipTrain.Trainer.Worker;

/// <summary>Which worker this process is, and what of its machine it uses.</summary>
/// <param name="WorkerId">Its name in the run.</param>
/// <param name="Address">The address of this machine at which the other ranks reach it.</param>
/// <param name="Device">What it computes on, as in "cpu" or "cuda:1".</param>
/// <param name="Cores">Cores of this machine that it may use.</param>
public sealed record WorkerIdentity(string WorkerId, string Address, string Device, int Cores)
{
    /// <summary>Which process of the worker this is, as the node that started it says; null when no node has.</summary>
    public int? Start { get; init; }

    /// <summary>Tells this process from one that had the same worker id before.</summary>
    public string Incarnation { get; } = Guid.NewGuid().ToString("N");
}
