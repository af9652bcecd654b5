using System.Globalization;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Bench.Followed;

/// <summary>The coordinator's process. It answers each line of its input with its memory in bytes.</summary>
internal static class Served
{
    /// <summary>Start of the lines that answer.</summary>
    public const string Memory = "memory ";

    public static async Task<int> RunAsync(string runFile)
    {
        using var signals = new StopSignals();
        _ = Task.Run(Answer);
        return await new CoordinatorProcess(
            PreparedRun.Create(RunConfig.Load(runFile, []).Options),
            new HostingOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) },
            signals
        ).RunAsync();
    }

    /// <summary>Private memory as it is, then live objects: those that a full collection keeps.</summary>
    private static void Answer()
    {
        while (Console.In.ReadLine() is not null)
        {
            var resident = Private();
            var live = GC.GetTotalMemory(forceFullCollection: true);
            Console.WriteLine($"{Memory}{resident} {live}");
        }
    }

    /// <summary>Resident private memory; pages of files are shared and may be dropped.</summary>
    private static long Private() =>
        1024
        * long.Parse(
            File.ReadLines("/proc/self/status")
                .First(line => line.StartsWith("RssAnon:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        );
}
