using System.CommandLine;
using ClipTrain.Cli.Commands;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using Spectre.Console;

// Before anything else: with too low a limit on open files, the runtime cannot load the libraries that the commands need.
if (OpenFiles.Problem() is { } problem)
{
    OpenFiles.Tell(problem);
    return ExitCodes.MissingComponent;
}

return await RunAsync(args);

// Runs the subcommand that is asked for, and maps failures to messages and exit codes.
static async Task<int> RunAsync(string[] args)
{
    // Programs that read a pipe or file need unwrapped lines.
    const int UnbrokenWidth = 10_000;
    if (Console.IsOutputRedirected)
    {
        AnsiConsole.Profile.Width = UnbrokenWidth;
    }

    PlainOutput.Install();
    try
    {
        var parsed = CommandTree.Create().Parse(args);
        var exit = await parsed.InvokeAsync(
            new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }
        );
        return parsed.Errors.Count > 0 ? ExitCodes.Usage : exit;
    }
    catch (Exception error) when (Failure.Of(error) is { } failure)
    {
        await Console.Error.WriteLineAsync(PlainText.Block(failure.Message));
        return failure.ExitCode;
    }
    catch (Exception error)
    {
        await Console.Error.WriteLineAsync(
            $"Internal error in cliptrain. Please report it with this stack trace:{Environment.NewLine}{error}"
        );
        return ExitCodes.Defect;
    }
}
