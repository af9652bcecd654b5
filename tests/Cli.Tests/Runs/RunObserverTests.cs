using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Tests.Shared;
using Serilog.Events;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class RunObserverTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(RunPhase.Running, 8)]
    [InlineData(RunPhase.Draining, 8)]
    [InlineData(RunPhase.Stopped, 6)]
    [InlineData(RunPhase.Failed, 6)]
    public void The_metrics_of_a_run_that_ends_while_it_repeats_steps_end_where_it_does(RunPhase phase, int lastStep)
    {
        using var metrics = MetricsFile.Open(_folder.File("metrics.jsonl"), 0);
        var observer = new RunObserver(new NoView(), metrics, tensorBoard: null, logEverySteps: 1, known: null);
        observer.OnSteps([.. Enumerable.Range(1, 8).Select(step => new StepRecord(1, Samples.Step(step), []))]);

        observer.OnStatus(
            new RunState
            {
                Spec = new RunSpec("mine", 1, "code", "config", "corpus"),
                Members = MemberSet.Of([]),
                LastTick = DateTimeOffset.UnixEpoch,
                Phase = phase,
                RecordedStep = 6,
            }
        );

        Assert.Equal(Enumerable.Range(1, lastStep), MetricsFile.Read(_folder.File("metrics.jsonl")).Select(step => (int)step.Step));
    }

    private sealed class NoView : IProgressView
    {
        public void Start(long totalSteps, long startStep) { }

        public void Step(StepMetrics metrics) { }

        public void Message(LogEventLevel level, string text) { }

        public void Stop() { }
    }
}
