using ClipTrain.Coordinator.Tests.Clustering;
using ClipTrain.Coordinator.Tests.Processes;

// Tests start this assembly as a process that they can kill.
return args switch
{
    ["silo", var directory, var name, var machines] => await SiloProcess.RunAsync(directory, name, machines == "one"),
    ["worker"] => WatchedProcess.Run(),
    ["companion", .. var script] => await WatchedProcess.RunCompanionAsync(script),
    _ => throw new ArgumentException("Run the tests with `dotnet test`.", nameof(args)),
};
