namespace ClipTrain.Coordinator.Hosting;

/// <summary>Power over worker processes of this machine. Workers that run elsewhere are simply not known to it.</summary>
public interface IWorkerControl
{
    /// <summary>Starts a worker; an earlier process of that name must have ended.</summary>
    void Start(string workerId);

    /// <summary>Ends the process at once.</summary>
    void Kill(string workerId);

    /// <summary>Ends the process unless it ends by itself within the grace time.</summary>
    void Dismiss(string workerId);
}
