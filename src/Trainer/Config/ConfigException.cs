namespace ClipTrain.Trainer.Config;

/// <summary>A configuration that cannot be used. Holds every error that was found, each naming its file and line or its argument.</summary>
public sealed class ConfigException : Exception
{
    public ConfigException(IReadOnlyList<string> errors)
        : base(string.Join('\n', errors))
    {
        Errors = errors;
    }

    internal ConfigException(SourcePosition position, string message)
        : this([$"{position}: {message}"])
    {
    }

    public IReadOnlyList<string> Errors { get; }
}
