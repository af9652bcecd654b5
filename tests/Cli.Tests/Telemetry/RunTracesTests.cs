using System.Diagnostics;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Telemetry;

/// <summary>Listeners hear the spans of the whole process, so tests with spans run one after another.</summary>
[Collection(Spans)]
public sealed class RunTracesTests : IDisposable
{
    public const string Spans = "spans";

    private readonly List<Activity> _spans = [];
    private readonly ActivityListener _listener;
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    public RunTracesTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == RunTraces.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Steps_checkpoints_and_evaluations_are_spans_of_their_generation()
    {
        using (var traces = new RunTraces(_time))
        {
            traces.BeginGeneration(1, workers: 2, startStep: 0);
            traces.Step(Samples.Step(99));
            traces.Step(Samples.Step(100));
            traces.Checkpoint(100, _folder.Path);
            using (traces.Evaluation("step-00000100"))
            {
                Assert.Null(Activity.Current);
            }

            traces.BeginGeneration(2, workers: 1, startStep: 100);
        }

        Assert.Equal(
            ["step", "checkpoint", "evaluation", "generation", "generation"],
            _spans.Select(span => span.OperationName),
            StringComparer.Ordinal
        );
        Assert.All(_spans.Take(3), span => Assert.Equal(_spans[3].SpanId, span.ParentSpanId));
        Assert.Equal(Samples.Step(100).StepSeconds, _spans[0].Duration.TotalSeconds, 3);
        Assert.Equal(100L, _spans[0].GetTagItem("cliptrain.step"));
        Assert.Equal(1, _spans[3].GetTagItem("cliptrain.generation"));
        Assert.Equal(2, _spans[3].GetTagItem("cliptrain.workers"));
        Assert.NotEqual(_spans[3].TraceId, _spans[4].TraceId);
    }
}
