using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Coordinator.Tests.Processes;

/// <summary>Programs of tests that run in separate processes: this assembly, started with "worker" or "companion".</summary>
internal static class WatchedProcess
{
    public static string[] Arguments(params string[] arguments) => [typeof(WatchedProcess).Assembly.Location, .. arguments];

    /// <summary>A worker that would train forever.</summary>
    public static int Run()
    {
        using var watch = ParentWatch.Start();
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    /// <summary>The parent of a companion, which is a shell script. Runs until killed.</summary>
    public static async Task<int> RunCompanionAsync(string[] script)
    {
        await using var companion = new Companion(
            "standby",
            new WorkerLaunch("/bin/sh", ["-c", .. script]),
            () => true,
            line => Console.WriteLine(line.Text),
            TimeProvider.System
        );
        companion.Start();
        await Task.Delay(Timeout.Infinite);
        return 0;
    }
}
