using System.Globalization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Tests.Rules;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>Coordinator processes that a test can kill.</summary>
internal static class FakeCoordinator
{
    public const string Token = "s3cret-t0ken";

    /// <summary>With two endless workers of its own; prints their process ids once they train.</summary>
    public static async Task<int> RunLocallyAsync(string directory)
    {
        var observer = new RecordingObserver();
        using var ledger = FileRunLedger.Open(Path.Combine(directory, "ledger.jsonl"));
        var running = new LocalRun(LocalRunTests.Options(directory, 2, "endless", observer, ledger)).RunAsync();
        await observer.WhenAsync(() => !observer.Metrics.IsEmpty);
        foreach (var member in observer.States.Last().Members)
        {
            Console.WriteLine(member.ProcessId);
        }

        Console.WriteLine("ready");
        return (await running).Kind == OutcomeKind.Completed ? 0 : 1;
    }

    /// <summary>For two workers that come by themselves; prints its port and then each step. Goes on from its journal.</summary>
    public static async Task<int> ServeAsync(string directory, string port)
    {
        using var held = RunLock.Acquire(Path.Combine(directory, "coordinator.lock"), TimeProvider.System);
        using var ledger = FileRunLedger.Open(Path.Combine(directory, "ledger.jsonl"));
        var journal = Path.Combine(directory, "journal.jsonl");
        var observer = new RecordingObserver();
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = int.Parse(port, CultureInfo.InvariantCulture), Token = Token }, TimeProvider.System);
        var state = FileRunJournal.Read(journal) ?? RunState.Create(RunScript.Spec(2, managed: 0), resumedFrom: null, TimeProvider.System.GetUtcNow());
        var run = host.OpenRun(state, observer, new FileRunJournal(journal), ledger, workers: null);
        Console.WriteLine(host.Address.Port);
        var next = 1;
        while (!run.Outcome.IsCompleted)
        {
            await Task.WhenAny(run.Outcome, observer.WhenAsync(() => observer.Metrics.Count >= next));
            Console.WriteLine($"step {observer.Metrics.LastOrDefault()?.Step}");
            next = observer.Metrics.Count + 1;
        }

        Console.WriteLine((await run.Outcome).Message);
        await Console.In.ReadLineAsync();
        return 0;
    }
}
