using System.CommandLine;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain docs ROOT</c>: writes the files that are derived from the code; for ClipTrain's developers.</summary>
public static class DocsCommand
{
    public static Command Create()
    {
        var root = new Argument<string>("ROOT") { Description = "Root of the repository." };
        var command = new Command("docs", "Regenerate the files of the repository that are derived from the code.") { root };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            Write(parsed.GetRequiredValue(root));
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>Path, relative to the repository's root, and content of each file.</summary>
    internal static IReadOnlyList<(string Path, string Content)> Files() =>
        [
            ("configs/schema.json", JsonSchema.Generate()),
            ("docs/configuration.md", ConfigReference.Runs()),
            ("docs/suite-files.md", ConfigReference.Suites()),
            ("docs/commands.md", CommandReference.Generate()),
        ];

    /// <summary>Writes the files to a checkout.</summary>
    internal static void Write(string repoRoot)
    {
        foreach (var (path, content) in Files())
        {
            File.WriteAllText(Path.Combine(repoRoot, path), content);
        }
    }
}
