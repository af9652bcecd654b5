using System.CommandLine;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain docs ROOT</c>: writes what is generated from the option types; for ClipTrain's developers.</summary>
public static class DocsCommand
{
    public static Command Create()
    {
        var root = new Argument<string>("ROOT") { Description = "Root of the source tree." };
        var command = new Command("docs", "Write configs/schema.json and docs/configuration.md.") { root };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            ConfigDocs.Write(parsed.GetRequiredValue(root));
            return ExitCodes.Ok;
        });
        return command;
    }
}
