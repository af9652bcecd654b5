namespace ClipTrain.Coordinator.State;

/// <summary>A process on one machine that starts, ends and watches workers there.</summary>
/// <param name="Id">Its name in the run.</param>
/// <param name="Incarnation">Random, a new one for each process. The workers of a node's earlier process died with it.</param>
/// <param name="Slots">Number of workers that it can run at once.</param>
public sealed record Node(string Id, string Incarnation, int Slots)
{
    /// <summary>The node of a run that has one machine. Messages do not name it.</summary>
    public const string Local = "local";
}
