namespace ClipTrain.Trainer.Config;

/// <summary>One error and the place where it occurred.</summary>
internal readonly record struct ConfigError(SourcePosition Position, string Message)
{
    public override string ToString() => $"{Position}: {Message}";
}

/// <summary>A configuration that cannot be used. Lists every error found, each with its file and line or its argument.</summary>
public sealed class ConfigException : Exception
{
    private ConfigException(IReadOnlyList<string> lines)
        : base(string.Join('\n', lines))
    {
        Errors = lines;
    }

    internal ConfigException(IReadOnlyList<ConfigError> errors)
        : this(InOrder(errors))
    {
        Details = errors;
    }

    internal ConfigException(SourcePosition position, string message)
        : this([new ConfigError(position, message)]) { }

    /// <summary>One line per error, in the order of the file.</summary>
    public IReadOnlyList<string> Errors { get; }

    internal IReadOnlyList<ConfigError> Details { get; } = [];

    private static List<string> InOrder(IReadOnlyList<ConfigError> errors) =>
        [
            .. errors
                .GroupBy(error => error.Position.Source, StringComparer.Ordinal)
                .SelectMany(source => source.OrderBy(error => error.Position.Line).ThenBy(error => error.Position.Column))
                .Select(error => error.ToString()),
        ];
}

/// <summary>The command line asks for something impossible; the message says what to change.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>Origin of a value: a position in a file, or a whole <c>--set</c> argument (line 0). Lines and columns count from 1.</summary>
internal readonly record struct SourcePosition(string Source, long Line = 0, long Column = 0)
{
    public override string ToString() => Line == 0 ? Source : $"{Source}:{Line}:{Column}";
}
