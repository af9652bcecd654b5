using ClipTrain.Cli.Commands;
using ClipTrain.Cli.Telemetry;

if (OpenFiles.Problem() is { } problem)
{
    OpenFiles.Tell(problem);
    return ExitCodes.MissingComponent;
}

return await CommandLine.RunAsync(args);
