using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Spans of a hosted run: its generations, and in them checkpoints, evaluations and every hundredth step. Without a listener nothing is
/// recorded.
/// </summary>
internal sealed class RunTraces(TimeProvider time) : IDisposable
{
    public const string SourceName = "ClipTrain";

    /// <summary>Number of steps between two that are traced.</summary>
    private const int StepSpacing = 100;

    private static readonly ActivitySource s_source = new(SourceName);

    private Activity? _generation;

    /// <summary>Ends the last generation's span and begins another.</summary>
    public void BeginGeneration(int generation, int workers, long startStep)
    {
        Dispose();
        _generation = Start("generation", parent: default);
        _generation?.SetTag("cliptrain.generation", generation).SetTag("cliptrain.workers", workers).SetTag("cliptrain.step", startStep);
    }

    /// <summary>Records a step that has just been reported.</summary>
    public void Step(StepMetrics step)
    {
        if (step.Step % StepSpacing == 0)
        {
            var end = time.GetUtcNow();
            Record("step", step.Step, end - TimeSpan.FromSeconds(step.StepSeconds), end);
        }
    }

    /// <summary>Records the writing of a checkpoint.</summary>
    /// <param name="step">Its step.</param>
    /// <param name="directory">Its folder, whose files tell how long writing took.</param>
    public void Checkpoint(long step, string directory)
    {
        var end = time.GetUtcNow();
        Record("checkpoint", step, s_source.HasListeners() ? FirstFile(directory) ?? end : end, end);
    }

    /// <summary>Begins an evaluation's span, which ends when the result is disposed of; null if nobody listens.</summary>
    /// <param name="checkpoint">Name of the checkpoint.</param>
    public IDisposable? Evaluation(string checkpoint) => Start("evaluation", Parent)?.SetTag("cliptrain.checkpoint", checkpoint);

    /// <summary>Ends the last generation's span.</summary>
    public void Dispose() => End(_generation);

    private ActivityContext Parent => _generation?.Context ?? default;

    private void Record(string name, long step, DateTimeOffset began, DateTimeOffset ended)
    {
        if (Start(name, Parent, began) is { } span)
        {
            span.SetTag("cliptrain.step", step);
            span.SetEndTime(ended.UtcDateTime);
            End(span);
        }
    }

    /// <summary>Ends a span and leaves the calling thread's own span current.</summary>
    private static void End(Activity? span)
    {
        var current = Activity.Current;
        span?.Dispose();
        Activity.Current = current;
    }

    /// <summary>Time at which the first file of a folder was created; null if it cannot be told.</summary>
    private static DateTimeOffset? FirstFile(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFiles().Min(file => (DateTimeOffset?)file.CreationTimeUtc);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Starts a span without making it the parent of whatever the calling thread does next.</summary>
    private static Activity? Start(string name, ActivityContext parent, DateTimeOffset began = default)
    {
        var current = Activity.Current;
        Activity.Current = null;
        var span = s_source.StartActivity(name, ActivityKind.Internal, parent, startTime: began);
        Activity.Current = current;
        return span;
    }
}
