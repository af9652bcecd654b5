namespace ClipTrain.Coordinator.Hosting;

/// <summary>Power over worker processes. Workers that run elsewhere are simply not known to it.</summary>
public interface IWorkerControl
{
    /// <summary>Ends the process at once.</summary>
    void Kill(string workerId);

    /// <summary>Ends the process unless it ends by itself within the grace time.</summary>
    void Dismiss(string workerId);
}
