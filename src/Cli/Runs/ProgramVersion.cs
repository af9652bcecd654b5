using System.Reflection;

namespace ClipTrain.Cli.Runs;

/// <summary>The build that is running; all processes of a run must be of one build.</summary>
public static class ProgramVersion
{
    /// <summary>The version, and the identity of the compiled program.</summary>
    public static string Text { get; } =
        $"{typeof(ProgramVersion).Assembly.GetName().Version?.ToString(3)}+{typeof(ProgramVersion).Assembly.ManifestModule.ModuleVersionId:N}";
}
