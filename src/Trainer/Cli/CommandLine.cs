using System.CommandLine;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;

namespace ClipTrain.Trainer.Cli;

/// <summary>The <c>cliptrain</c> command: its verbs, and one place where failures become messages and exit codes.</summary>
public static class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Pretrains contrastive image-text models (CLIP).")
        {
            QuickstartCommand.Create(),
            TrainCommand.Create(),
            ResumeCommand.Create(),
            EvalCommand.Create(),
            ModelExportCommand.Create(),
            EmbedCommand.Create(),
            DataCommand.Create(),
            BenchCommand.Create(),
            TokenizerCommand.Create(),
            ModelCommand.Create(),
            DoctorCommand.Create(),
            RunCommands.CreateStatus(),
            RunCommands.CreateStop(),
            RunCommands.CreateCheckpoint(),
            CoordinatorCommand.Create(),
            CoordinatorCommand.CreateStandby(),
            NodeCommand.Create(),
            WorkerCommand.Create(),
            DocsCommand.Create(),
        };
        try
        {
            var parsed = root.Parse(args);
            var exit = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
            return parsed.Errors.Count > 0 ? ExitCodes.Usage : exit;
        }
        catch (Exception error) when (Failure.ExitCodeOf(error) is { } code)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return code;
        }
        catch (Exception error)
        {
            await Console.Error.WriteLineAsync($"cliptrain met a defect of its own. Please report it with this text:{Environment.NewLine}{error}");
            return ExitCodes.Defect;
        }
    }
}
