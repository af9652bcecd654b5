using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Coordinator.Tests.Processes;

/// <summary>Sides of tests that run in processes of their own: this assembly, started with "worker" or "companion".</summary>
internal static class WatchedProcess
{
    public static string[] Arguments(params string[] arguments) => [typeof(WatchedProcess).Assembly.Location, .. arguments];

    /// <summary>A worker that would train for ever.</summary>
    public static int Run()
    {
        using var watch = ParentWatch.Start();
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    /// <summary>The parent of a companion that is a shell script; ends when it is killed.</summary>
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
