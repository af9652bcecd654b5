using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A coordinator process with two endless workers; prints their process ids once they train.</summary>
internal static class FakeCoordinator
{
    public static async Task<int> RunAsync(string directory)
    {
        var observer = new RecordingObserver();
        var run = new LocalRun(LocalRunTests.Options(directory, 2, "endless", observer));
        await using var store = new BarrierRendezvous(2);
        var running = run.RunAsync(store);
        await observer.WhenAsync(() => !observer.Metrics.IsEmpty);
        foreach (var member in observer.States.Last().Members)
        {
            Console.WriteLine(member.ProcessId);
        }

        Console.WriteLine("ready");
        return (await running).Kind == OutcomeKind.Completed ? 0 : 1;
    }
}
