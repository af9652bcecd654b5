using System.Collections;
using System.CommandLine;
using System.Globalization;
using System.Text;

namespace ClipTrain.Cli.Commands;

/// <summary>Generator of the Markdown reference of all commands.</summary>
internal static class CommandReference
{
    private const string Introduction = """
        # Commands

        Every command with its arguments and options. `./cliptrain COMMAND --help` prints the same. This page is generated from
        `src/Cli/Commands`. [Exit codes](train-on-your-corpus.md#exit-codes) are the same for all commands.

        """;

    public static string Generate()
    {
        var text = new StringBuilder(Introduction.ReplaceLineEndings("\n"));
        foreach (var command in CommandTree.Create().Subcommands)
        {
            Write(text, "cliptrain", command);
        }

        return text.ToString();
    }

    private static void Write(StringBuilder text, string parent, Command command)
    {
        if (command.Hidden)
        {
            return;
        }

        var name = $"{parent} {command.Name}";
        if (command.Action is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## `{name}`\n\n{command.Description}\n\n    {Usage(name, command)}\n");
            WriteTable(text, command);
        }

        foreach (var child in command.Subcommands)
        {
            Write(text, name, child);
        }
    }

    private static string Usage(string name, Command command) =>
        string.Join(
            ' ',
            [name, .. Shown(command.Arguments).Select(Placeholder), .. Shown(command.Options).Any() ? ["[options]"] : Array.Empty<string>()]
        );

    private static void WriteTable(StringBuilder text, Command command)
    {
        string[] rows =
        [
            .. Shown(command.Arguments)
                .Select(argument => Row(argument.Name, argument.Description, argument.HasDefaultValue ? argument.GetDefaultValue() : null)),
            .. Shown(command.Options)
                .Select(option =>
                    Row(
                        string.Join("`, `", [option.Name, .. option.Aliases]),
                        option.Required ? $"Required. {option.Description}" : option.Description,
                        option.HasDefaultValue ? option.GetDefaultValue() : null
                    )
                ),
        ];
        if (rows.Length > 0)
        {
            text.Append("\n| argument or option | meaning | default |\n|---|---|---|\n").AppendJoin('\n', rows).Append('\n');
        }
    }

    private static IEnumerable<T> Shown<T>(IEnumerable<T> symbols)
        where T : Symbol => symbols.Where(symbol => !symbol.Hidden);

    private static string Placeholder(Argument argument) =>
        (argument.Arity.MinimumNumberOfValues, argument.Arity.MaximumNumberOfValues) switch
        {
            (0, 1) => $"[{argument.Name}]",
            (0, _) => $"[{argument.Name}…]",
            (_, 1) => argument.Name,
            _ => $"{argument.Name}…",
        };

    private static string Row(string name, string? meaning, object? value) =>
        $"| `{name.Replace("|", "\\|", StringComparison.Ordinal)}` | {meaning?.Replace("|", "\\|", StringComparison.Ordinal)} | {Default(value)} |";

    private static string Default(object? value) =>
        value switch
        {
            null or false or ICollection { Count: 0 } => "",
            IEnumerable<string> list => $"`{string.Join(' ', list)}`",
            IFormattable number => $"`{number.ToString(format: null, CultureInfo.InvariantCulture).ToLowerInvariant()}`",
            _ => $"`{value}`",
        };
}
