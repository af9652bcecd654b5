using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Bench.Coordinator;

/// <summary>Cost of one run with a number of members. Times are CPU microseconds.</summary>
internal sealed record Figures(
    double JoinMicroseconds,
    double FormMicroseconds,
    double BeatMicroseconds,
    double BatchedMicroseconds,
    double BeatBytes,
    double TickMicroseconds,
    double StateBytes
);

/// <summary>Workers that join, form a generation and send heartbeats twice per second; rank 0 also sends a step's record.</summary>
internal sealed class SimulatedRun
{
    private const int Rounds = 24;

    private readonly int _members;
    private RunState _state;
    private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _step;

    private SimulatedRun(int members)
    {
        _members = members;
        _state = RunState.Create(new RunSpec("bench", members, "v", "c", "d"), resumedFrom: null, _now);
    }

    public static Figures Measure(int members)
    {
        // A small run is over before the clock advances, so several are measured together.
        var runs = Enumerable.Range(0, Math.Max(1, 2048 / members)).Select(_ => new SimulatedRun(members)).ToList();
        var join = Cpu(() => runs.ForEach(run => run.Join(..^1))) / runs.Count / Math.Max(1, members - 1);
        var form = Cpu(() => runs.ForEach(run => run.Join(^1..))) / runs.Count;
        var bytes = GC.GetAllocatedBytesForCurrentThread();
        var beat = Cpu(() => runs.ForEach(run => run.Beat(1))) / runs.Count / members / Rounds;
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        var batched = Cpu(() => runs.ForEach(run => run.Beat(64))) / runs.Count / members / Rounds;
        var tick = Cpu(() => runs.ForEach(run => run.Tick())) / runs.Count / Rounds;
        var state = JsonSerializer.SerializeToUtf8Bytes(runs[0]._state, CoordinatorJson.Default.RunState).Length;
        return new Figures(join, form, beat, batched, (double)bytes / runs.Count / members / Rounds, tick, state);
    }

    private static double Cpu(Action work)
    {
        var before = Environment.CpuUsage.TotalTime;
        work();
        return (Environment.CpuUsage.TotalTime - before).TotalMicroseconds;
    }

    private void Handle(RunMessage message) => _state = RunMachine.Handle(_state, message, _now).State;

    private void Join(Range range)
    {
        foreach (var i in Enumerable.Range(0, _members).Take(range))
        {
            Handle(
                new RunMessage.Join(
                    new JoinRequest(WorkerIds.ForSlot(i), Incarnation(i))
                    {
                        ProcessId = 1000 + i,
                        Host = $"node{i / 8}",
                        Address = $"10.0.{i / 8}.1",
                        Device = $"node{i / 8}/cuda:{i % 8}",
                        CodeVersion = "v",
                        ConfigHash = "c",
                        CorpusHash = "d",
                    }
                )
            );
        }
    }

    private void Beat(int batch)
    {
        for (var round = 0; round < Rounds; round++)
        {
            _now += TimeSpan.FromSeconds(0.5);
            _step++;
            for (var first = 0; first < _members; first += batch)
            {
                Handle(new RunMessage.Heartbeats([.. Enumerable.Range(first, Math.Min(batch, _members - first)).Select(Heartbeat)]));
            }
        }
    }

    private void Tick()
    {
        for (var round = 0; round < Rounds; round++)
        {
            _now += TimeSpan.FromMilliseconds(1);
            Handle(new RunMessage.Tick());
        }
    }

    private Heartbeat Heartbeat(int i) => new(WorkerIds.ForSlot(i), Incarnation(i), 1, _step, i == 0 ? [Record()] : [], []);

    private StepRecord Record() =>
        new(
            1,
            new StepMetrics
            {
                Step = _step,
                Samples = _step * 8 * _members,
                Epoch = 0.1,
                Loss = 2.5,
                LogitScale = 14.3,
                GradientNorm = 1.1,
                LearningRate = 5e-4,
                StepSeconds = 0.2,
                ImagesPerSecond = 40,
                DataWaitShare = 0.05,
                BadSamples = 0,
            },
            [.. Enumerable.Range(0, _members).Select(rank => new StepShare(8, 0, (ulong)rank, 0.1 + (rank % 7 * 0.001)))]
        );

    private static string Incarnation(int i) => $"0123456789abcdef0123456789{i:000000}";
}
