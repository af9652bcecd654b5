using System.Reflection;
using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Runs;

/// <summary>This program as another process.</summary>
public static class RunProgram
{
    /// <param name="arguments">Its arguments; never a secret.</param>
    public static WorkerLaunch Launch(IEnumerable<string> arguments)
    {
        // Under `dotnet cliptrain.dll` the process is dotnet and needs the program's name again.
        var process = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(process) == "dotnet" ? [typeof(RunProgram).Assembly.Location] : [];
        return new WorkerLaunch(process, [.. program, .. arguments]);
    }
}

/// <summary>The build that is running; all processes of a run must be of one build.</summary>
public static class ProgramVersion
{
    /// <summary>The version, and the identity of the compiled program.</summary>
    public static string Text { get; } =
        $"{typeof(ProgramVersion).Assembly.GetName().Version?.ToString(3)}+{typeof(ProgramVersion).Assembly.ManifestModule.ModuleVersionId:N}";
}
