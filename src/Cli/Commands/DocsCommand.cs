using System.CommandLine;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain docs ROOT</c>: regenerates the files derived from the option types; for ClipTrain's developers.</summary>
public static class DocsCommand
{
    public static Command Create()
    {
        var root = new Argument<string>("ROOT") { Description = "Root of the repository." };
        var command = new Command("docs", "Regenerate configs/schema.json and docs/configuration.md.") { root };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            ConfigDocs.Write(parsed.GetRequiredValue(root));
            return ExitCodes.Ok;
        });
        return command;
    }
}
