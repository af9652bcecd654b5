namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// The store through which process groups of all generations meet. It lives with the coordinator, so that the loss of any
/// worker leaves it alone.
/// </summary>
public interface IRendezvous : IAsyncDisposable
{
    /// <summary>Starts the store and says where workers reach it.</summary>
    Task<(string Host, int Port)> StartAsync(CancellationToken cancellationToken);
}
