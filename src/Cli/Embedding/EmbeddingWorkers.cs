using System.Diagnostics;
using System.Globalization;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Embedding;

/// <summary>Processes of this program that share the parts of a corpus. They exit when this process does.</summary>
public static class EmbeddingWorkers
{
    /// <summary>Starts the processes and waits for all.</summary>
    /// <param name="arguments">Command line of each process.</param>
    /// <param name="threads">Compute threads per process.</param>
    /// <param name="progress">Receives the combined progress.</param>
    /// <param name="cancellation">Stops the processes.</param>
    /// <returns>0, or the exit code of the first failed process, whose errors are printed.</returns>
    public static int Run(
        IReadOnlyList<string[]> arguments,
        int threads,
        Action<EmbeddingProgress> progress,
        CancellationToken cancellation
    )
    {
        var standing = new EmbeddingProgress?[arguments.Count];
        var errors = arguments.Select(_ => new List<string>()).ToArray();
        Process[] processes = [.. arguments.Select((command, i) => Start(command, threads, line => Note(i, line), errors[i].Add))];
        try
        {
            using var stop = cancellation.Register(() => Array.ForEach(processes, process => process.StandardInput.Close()));
            foreach (var process in processes)
            {
                process.WaitForExit();
            }

            cancellation.ThrowIfCancellationRequested();
            foreach (var (i, process) in processes.Index().Where(entry => entry.Item.ExitCode != ExitCodes.Ok))
            {
                Console.Error.WriteLine(
                    $"Process {i} of {processes.Length} exited with code {process.ExitCode}: {string.Join(Environment.NewLine, errors[i])}"
                );
            }

            return processes.Select(process => process.ExitCode).FirstOrDefault(code => code != ExitCodes.Ok);
        }
        finally
        {
            foreach (var process in processes)
            {
                process.StandardInput.Close();
                process.Dispose();
            }
        }

        void Note(int process, string line)
        {
            lock (standing)
            {
                standing[process] = Parse(line);
                // The total is known once every process has counted its parts.
                if (standing.All(figures => figures is not null))
                {
                    progress(
                        new EmbeddingProgress(
                            standing.Sum(figures => figures!.Value.Done),
                            standing.Sum(figures => figures!.Value.Bad),
                            standing.Sum(figures => figures!.Value.Total)
                        )
                    );
                }
            }
        }
    }

    /// <summary>Formats a progress line that a process prints for its parent.</summary>
    public static string Format(EmbeddingProgress progress) =>
        string.Create(CultureInfo.InvariantCulture, $"{progress.Done} {progress.Bad} {progress.Total}");

    private static EmbeddingProgress Parse(string line)
    {
        long[] numbers = [.. line.Split(' ').Select(number => long.Parse(number, CultureInfo.InvariantCulture))];
        return new EmbeddingProgress(numbers[0], numbers[1], numbers[2]);
    }

    private static Process Start(string[] arguments, int threads, Action<string> onLine, Action<string> onError)
    {
        // Under `dotnet cliptrain.dll` the executable is dotnet, which needs the path of the assembly.
        var program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(EmbeddingWorkers).Assembly.Location] : [];
        var start = new ProcessStartInfo(program, [.. self, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Pass(line.Data, onLine);
        process.ErrorDataReceived += (_, line) => Pass(line.Data, onError);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        static void Pass(string? line, Action<string> to)
        {
            if (line is not null)
            {
                to(line);
            }
        }
    }
}
