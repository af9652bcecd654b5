using ClipTrain.Trainer.Cli;
using ClipTrain.Trainer.Telemetry;

if (OpenFiles.Problem() is { } problem)
{
    await Console.Error.WriteLineAsync(problem);
    return ExitCodes.MissingComponent;
}

return await CommandLine.RunAsync(args);
