using ClipTrain.Coordinator.Tests.Clustering;
using ClipTrain.Coordinator.Tests.Hosting;

// Tests start this assembly as a worker, or as a coordinator that they can kill.
return args switch
{
    ["worker", var behaviour] => await FakeWorker.RunAsync(behaviour),
    ["coordinator", var directory] => await FakeCoordinator.RunLocallyAsync(directory),
    ["serve", var directory, var port] => await FakeCoordinator.ServeAsync(directory, port),
    ["silo", var directory, var name, var machines] => await SiloProcess.RunAsync(directory, name, machines == "one"),
    _ => throw new ArgumentException("Run the tests with `dotnet test`.", nameof(args)),
};
