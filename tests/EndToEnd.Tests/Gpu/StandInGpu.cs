using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests.Gpu;

/// <summary>
/// GPUs made of host memory (tests/StandInGpu, which scripts/setup compiles), for the program's processes: a folder with a libtorch for
/// CUDA, and the environment that names it.
/// </summary>
internal sealed class StandInGpu : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-gpu-").FullName;
    private readonly string[] _environment;

    /// <param name="gpus">Number of GPUs.</param>
    /// <param name="mebibytes">Memory that a process may have on them; null for any amount.</param>
    /// <param name="breaks">A file that makes the GPU of the first process fail that finds it; null for none.</param>
    public StandInGpu(int gpus, int? mebibytes = null, string? breaks = null)
    {
        foreach (
            var source in new[]
            {
                Path.Combine(AppContext.BaseDirectory, "program", "native", "torch"),
                Path.Combine(Repository.Root, "build", "standin-gpu"),
            }
        )
        {
            foreach (var library in Directory.GetFiles(source))
            {
                File.CreateSymbolicLink(Path.Combine(_folder, Path.GetFileName(library)), library);
            }
        }

        _environment =
        [
            "env",
            $"LIBTORCH={_folder}",
            $"LD_LIBRARY_PATH={_folder}:{Environment.GetEnvironmentVariable("LD_LIBRARY_PATH")}",
            $"CLIPTRAIN_STANDIN_GPUS={gpus}",
            .. mebibytes is { } limit ? [$"CLIPTRAIN_STANDIN_MIB={limit}"] : Array.Empty<string>(),
            .. breaks is not null ? [$"CLIPTRAIN_STANDIN_BREAKS={breaks}"] : Array.Empty<string>(),
        ];
    }

    /// <summary>Starts the program with these GPUs.</summary>
    public ProgramRun Start(string folder, params string[] arguments) => ProgramRun.StartBy(_environment, folder, arguments);

    /// <summary>Runs the program to its end. Returns what it printed.</summary>
    public string Finish(int exit, string folder, params string[] arguments)
    {
        using var run = Start(folder, arguments);
        run.AssertExit(exit);
        return run.Output;
    }

    /// <summary>Starts another program with these GPUs.</summary>
    public ProgramRun StartCommand(string folder, params string[] command) =>
        ProgramRun.StartCommand(folder, [.. _environment, .. command]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
