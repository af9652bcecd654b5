using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Runs;

/// <summary>Command lines that start this program as another process.</summary>
public static class RunProgram
{
    /// <param name="arguments">Arguments; must not contain secrets.</param>
    public static WorkerLaunch Launch(IEnumerable<string> arguments)
    {
        // Under `dotnet cliptrain.dll` the executable is dotnet, which needs the path of the assembly.
        var process = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(process) == "dotnet" ? [typeof(RunProgram).Assembly.Location] : [];
        return new WorkerLaunch(process, [.. program, .. arguments]);
    }
}

/// <summary>Identity of the running build. All processes of a run must be the same build.</summary>
public static class ProgramVersion
{
    /// <summary>Version and module id of the compiled program.</summary>
    public static string Text { get; } =
        $"{typeof(ProgramVersion).Assembly.GetName().Version?.ToString(3)}+"
        + $"{typeof(ProgramVersion).Assembly.ManifestModule.ModuleVersionId:N}";
}
