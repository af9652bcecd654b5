using System.Net.Sockets;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A worker that counts steps endlessly instead of training. Its checkpoints are only names.</summary>
internal sealed class FakeWorker(CoordinatorClient client)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly string _incarnation = Guid.NewGuid().ToString("N");
    private readonly Lock _lock = new();
    private readonly RecordQueue _records = new();
    private long _step;
    private Assignment? _assignment;

    /// <summary>Runs until the run ends.</summary>
    /// <returns>The steps that it started from, one for each generation.</returns>
    public async Task<IReadOnlyList<Assignment>> LiveAsync()
    {
        var lived = new List<Assignment>();
        await using var heartbeat = HeartbeatLoop.Start(
            client,
            _incarnation,
            Interval,
            Progress,
            answer => Acknowledge(answer.RecordedStep)
        );
        var request = new JoinRequest(client.WorkerId, _incarnation)
        {
            ProcessId = 1,
            Host = "node",
            Address = "127.0.0.1",
            CodeVersion = "v1",
            ConfigHash = "hash1",
            CorpusHash = "corpus1",
        };
        while ((await client.JoinAsync(request)).Assignment is { } assignment)
        {
            lived.Add(assignment);
            string? reason = null;
            try
            {
                if (await TrainsToEndAsync(assignment, heartbeat))
                {
                    await heartbeat.FlushAsync();
                    if (
                        await client.ReportAsync(
                            new WorkerReport(client.WorkerId, _incarnation, assignment.Generation, WorkerOutcome.Stopped, _step)
                        ) != Directive.Rejoin
                    )
                    {
                        break;
                    }
                }
            }
            catch (Exception error)
                when (error is IOException or SocketException or OperationCanceledException or CoordinatorRefusedException)
            {
                reason = error.Message;
            }

            request = request with { HeldStep = _step, LeftGeneration = assignment.Generation, Reason = reason };
        }

        return lived;
    }

    /// <summary>False when the ranks agreed to regroup.</summary>
    private async Task<bool> TrainsToEndAsync(Assignment assignment, HeartbeatLoop heartbeat)
    {
        lock (_lock)
        {
            (_assignment, _step) = (assignment, assignment.StartStep);
            _records.DropAfter(_step);
        }

        var over = heartbeat.Enter(assignment.Generation);
        using var group = await FakeGroup.MeetAsync(client, assignment, over);
        while (true)
        {
            var wish = heartbeat.TakeDirective();
            switch ((Directive)await group.MaxAsync((byte)(wish <= Directive.Stop ? wish : Directive.Continue), over))
            {
                case Directive.Regroup:
                    return false;
                case Directive.Stop:
                    if (assignment.Rank == 0)
                    {
                        await client.CheckpointWrittenAsync(_incarnation, _step, $"step-{_step}", CancellationToken.None);
                    }

                    return true;
            }

            lock (_lock)
            {
                if (_records.HasRoom)
                {
                    _step++;
                    _records.Add(RunScript.Record(_step, assignment.Generation, new double[assignment.WorldSize]));
                }
            }
        }
    }

    private WorkerProgress Progress()
    {
        lock (_lock)
        {
            return new WorkerProgress(_step, _records.Batch(_assignment?.Rank == 0 ? long.MaxValue : _assignment?.StartStep ?? 0), []);
        }
    }

    private void Acknowledge(long recordedStep)
    {
        lock (_lock)
        {
            _records.Acknowledge(recordedStep);
        }
    }
}
