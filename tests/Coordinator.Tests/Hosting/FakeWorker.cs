using System.Diagnostics;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Tests.Rules;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A worker that counts steps instead of training. Its checkpoints are names only.</summary>
/// <param name="behaviour">"complete", "endless", or what rank 1 of the first generation does at step 5: "die", "hang", "fail".</param>
internal sealed class FakeWorker(CoordinatorClient client, string behaviour, CancellationToken ended)
{
    public const int Steps = 20;
    private const int StepOfTrouble = 5;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly string _incarnation = Guid.NewGuid().ToString("N");
    private readonly Lock _lock = new();
    private readonly Queue<StepRecord> _records = new();
    private long _step;
    private Assignment? _place;

    /// <summary>The process of a local worker.</summary>
    public static async Task<int> RunAsync(string behaviour)
    {
        using var watch = ParentWatch.Start();
        Console.WriteLine($"cmdline {(await File.ReadAllTextAsync("/proc/self/cmdline")).Replace('\0', ' ')}");
        using var client = new CoordinatorClient(WorkerEnvironment.Read(), TimeProvider.System);
        return await new FakeWorker(client, behaviour, CancellationToken.None).LiveAsync();
    }

    public async Task<int> LiveAsync()
    {
        await using var heartbeat = HeartbeatLoop.Start(client, _incarnation, Interval, Progress, Acknowledge);
        var request = new JoinRequest(client.WorkerId, _incarnation) { ProcessId = Environment.ProcessId, Host = "node", Address = "127.0.0.1", CodeVersion = "v1", ConfigHash = "hash1", CorpusHash = "corpus1" };
        while (true)
        {
            var answer = await client.JoinAsync(request, ended);
            if (answer.Assignment is not { } place)
            {
                if (answer.Directive == Directive.SaveAloneAndExit)
                {
                    await client.CheckpointWrittenAsync(_incarnation, _step, $"step-{_step}", ended);
                }

                return 1;
            }

            string? reason = null;
            try
            {
                if (await TrainAsync(place, heartbeat) is { } outcome)
                {
                    await heartbeat.FlushAsync(ended);
                    if (await client.ReportAsync(Report(place, outcome), ended) != Directive.Rejoin)
                    {
                        return 0;
                    }
                }
            }
            catch (InvalidDataException error)
            {
                await client.ReportAsync(Report(place, WorkerOutcome.Failed) with { Message = error.Message }, ended);
                return 1;
            }
            catch (Exception error) when (!ended.IsCancellationRequested && error is IOException or SocketException or OperationCanceledException or CoordinatorRefusedException)
            {
                reason = error.Message;
            }

            request = request with { HeldStep = _step, LeftGeneration = place.Generation, Reason = reason };
        }
    }

    private WorkerReport Report(Assignment place, WorkerOutcome outcome) => new(client.WorkerId, _incarnation, place.Generation, outcome, _step);

    /// <summary>Null when the ranks agreed to regroup.</summary>
    private async Task<WorkerOutcome?> TrainAsync(Assignment place, HeartbeatLoop heartbeat)
    {
        lock (_lock)
        {
            _place = place;
            _step = place.StartStep;
            var kept = _records.Where(record => record.Metrics.Step <= _step).ToList();
            _records.Clear();
            kept.ForEach(_records.Enqueue);
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(heartbeat.Enter(place.Generation), ended);
        using var group = await FakeGroup.MeetAsync(client, place, over.Token);
        while (true)
        {
            if (place is { Rank: 1, Generation: 1 } && _step == StepOfTrouble - 1)
            {
                await TroubleAsync();
            }

            var wish = heartbeat.TakeDirective();
            switch ((Directive)await group.MaxAsync((byte)(wish <= Directive.Stop ? wish : Directive.Continue), over.Token))
            {
                case Directive.Regroup:
                    return null;
                case Directive.Stop:
                    await CheckpointAsync(place);
                    return WorkerOutcome.Stopped;
            }

            if (behaviour != "endless" && _step == Steps)
            {
                await CheckpointAsync(place);
                return WorkerOutcome.Completed;
            }

            Commit(place);
        }
    }

    private void Commit(Assignment place)
    {
        lock (_lock)
        {
            _step++;
            _records.Enqueue(RunScript.Record(_step, place.Generation, new double[place.WorldSize]));
        }
    }

    private WorkerProgress Progress()
    {
        lock (_lock)
        {
            return new WorkerProgress(_step, _place?.Rank == 0 ? [.. _records] : [], []);
        }
    }

    private void Acknowledge(long recordedStep)
    {
        lock (_lock)
        {
            while (_records.TryPeek(out var first) && first.Metrics.Step <= recordedStep)
            {
                _records.Dequeue();
            }
        }
    }

    private async Task TroubleAsync()
    {
        switch (behaviour)
        {
            case "die":
                await Console.Error.WriteLineAsync($"about to die at step {StepOfTrouble}");
                Process.GetCurrentProcess().Kill();
                break;
            case "hang":
                using (var stop = Process.Start("kill", ["-STOP", $"{Environment.ProcessId}"]))
                {
                    await stop.WaitForExitAsync();
                }

                break;
            case "fail":
                throw new InvalidDataException($"bad data at step {StepOfTrouble}");
        }
    }

    private Task CheckpointAsync(Assignment place) =>
        place.Rank == 0 ? client.CheckpointWrittenAsync(_incarnation, _step, $"step-{_step}", ended) : Task.CompletedTask;
}
