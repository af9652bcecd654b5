using ClipTrain.Trainer.Cli;
using ClipTrain.Trainer.Telemetry;

if (OpenFiles.Problem() is { } problem)
{
    OpenFiles.Tell(problem);
    return ExitCodes.MissingComponent;
}

return await CommandLine.RunAsync(args);
