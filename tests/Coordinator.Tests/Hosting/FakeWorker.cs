using System.Diagnostics;
using System.Net.Sockets;
using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A worker process that counts steps instead of training. Its checkpoints are names only.</summary>
internal static class FakeWorker
{
    public const int Steps = 20;
    private const int StepOfTrouble = 5;

    /// <param name="behaviour">"complete", "endless", or what rank 1 does at step 5: "die", "hang", "fail".</param>
    public static async Task<int> RunAsync(string behaviour)
    {
        using var watch = ParentWatch.Start();
        using var client = new CoordinatorClient(WorkerEnvironment.Read(), TimeProvider.System);
        Console.WriteLine($"cmdline {(await File.ReadAllTextAsync("/proc/self/cmdline")).Replace('\0', ' ')}");
        var place = await client.JoinAsync("v1", "hash1");
        using var store = new TcpClient(place.StoreHost, place.StorePort);
        long committed = 0;
        var metrics = new Queue<StepMetrics>();
        await using var heartbeat = HeartbeatLoop.Start(client, place.Generation, TimeSpan.FromMilliseconds(50), () =>
        {
            lock (metrics)
            {
                var pending = metrics.ToList();
                metrics.Clear();
                return new WorkerProgress(Interlocked.Read(ref committed), pending, []);
            }
        });
        try
        {
            for (long step = 1; behaviour == "endless" || step <= Steps; step++)
            {
                if (place.Rank == 1 && step == StepOfTrouble)
                {
                    await TroubleAsync(behaviour, step);
                }

                if (await AgreeAsync(store, heartbeat.TakeDirective()) == Directive.Stop)
                {
                    await CheckpointAsync(client, place, committed);
                    await client.ReportAsync(place.Generation, WorkerOutcome.Stopped, committed, message: null);
                    return 0;
                }

                Interlocked.Exchange(ref committed, step);
                if (place.Rank == 0)
                {
                    lock (metrics)
                    {
                        metrics.Enqueue(Core.RunScript.Metrics(step));
                    }
                }
            }

            await CheckpointAsync(client, place, committed);
            await heartbeat.FlushAsync();
            await client.ReportAsync(place.Generation, WorkerOutcome.Completed, committed, message: null);
            return 0;
        }
        catch (IOException error)
        {
            if (await client.ReportAsync(place.Generation, WorkerOutcome.PeerLost, committed, error.Message) == Directive.SaveAloneAndExit)
            {
                await client.CheckpointWrittenAsync(committed, $"step-{committed}");
            }

            return 1;
        }
        catch (InvalidDataException error)
        {
            await client.ReportAsync(place.Generation, WorkerOutcome.Failed, committed, error.Message);
            return 1;
        }
    }

    private static async Task TroubleAsync(string behaviour, long step)
    {
        switch (behaviour)
        {
            case "die":
                await Console.Error.WriteLineAsync($"about to die at step {step}");
                Process.GetCurrentProcess().Kill();
                break;
            case "hang":
                using (var stop = Process.Start("kill", ["-STOP", $"{Environment.ProcessId}"]))
                {
                    await stop.WaitForExitAsync();
                }

                break;
            case "fail":
                throw new InvalidDataException($"bad data at step {step}");
        }
    }

    private static Task CheckpointAsync(CoordinatorClient client, Assignment place, long step) =>
        place.Rank == 0 ? client.CheckpointWrittenAsync(step, $"step-{step}") : Task.CompletedTask;

    private static async Task<Directive> AgreeAsync(TcpClient store, Directive directive)
    {
        var bytes = new[] { (byte)directive };
        await store.GetStream().WriteAsync(bytes);
        await store.GetStream().ReadExactlyAsync(bytes);
        return (Directive)bytes[0];
    }
}
