using System.Diagnostics;
using System.Globalization;
using ClipTrain.Coordinator.Clustering;
using Microsoft.Extensions.Hosting;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>A silo in a separate process, which a test can kill or suspend: this assembly, started with "silo".</summary>
internal sealed class SiloProcess : IDisposable
{
    private readonly Process _process;

    private SiloProcess(Process process) => _process = process;

    public int ExitCode => _process.ExitCode;

    public static async Task<SiloProcess> StartAsync(string runDirectory, string name, bool isOneMachine)
    {
        var process = Process.Start(
            new ProcessStartInfo(
                "dotnet",
                [typeof(SiloProcess).Assembly.Location, "silo", runDirectory, name, isOneMachine ? "one" : "many"]
            )
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(5)));
        return new SiloProcess(process);
    }

    /// <summary>Main program of the process.</summary>
    public static async Task<int> RunAsync(string runDirectory, string name, bool isOneMachine)
    {
        var options = new TestSiloOptions(ClusterIdentity.Open(runDirectory))
        {
            Name = name,
            IsOneMachine = isOneMachine,
            KeepsAnswers = false,
        };
        var (host, _) = await ClusterSilo.StartAsync(
            SiloEndpoint.OnLoopback(name),
            at => TestSilo.Build(options, at, lines: null),
            CancellationToken.None
        );
        Console.WriteLine("ready");
        await host.WaitForShutdownAsync();
        return 0;
    }

    public void Kill() => _process.Kill();

    /// <summary>Suspends the process. When this returns, none of its threads is running.</summary>
    public void Stop()
    {
        Signal("STOP");
        // The signal suspends the thread that handles it, which then suspends the others: on a busy machine these may still answer.
        while (!Directory.GetDirectories($"/proc/{_process.Id}/task").All(IsStopped))
        {
            Thread.Yield();
        }
    }

    /// <summary>Sends the process a signal, as in <c>TERM</c>.</summary>
    public void Signal(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <returns>The process's error output, once it has ended.</returns>
    public async Task<string> EndAsync()
    {
        var errors = await _process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(5));
        await _process.WaitForExitAsync();
        return errors;
    }

    /// <summary>True if a thread is stopped or has ended. Its state follows its name, which is in parentheses.</summary>
    private static bool IsStopped(string thread)
    {
        try
        {
            var text = File.ReadAllText(Path.Combine(thread, "stat"));
            return text[text.LastIndexOf(')') + 2] == 'T';
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.Dispose();
    }
}
