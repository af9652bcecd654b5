using System.Diagnostics;
using System.Diagnostics.Tracing;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.Bench.Pipeline;

/// <summary>Garbage-collection pauses of the loader, at default settings on images of 400 px.</summary>
internal static class Pauses
{
    private const int GlobalBatch = 128,
        Prefetch = 2,
        Side = 400,
        Rows = 4_000;

    public static void Print(string folder, double seconds)
    {
        var manifest = SyntheticCorpus.Write(folder, SyntheticCorpus.Images(Side), Rows);
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, seed: 1, ShuffleWindow.Of(manifest), GlobalBatch),
            new BpeTokenizer(MergeList.Named("openai"), contextLength: 77),
            () => new ClipImageTransform(new ImageTransformOptions(224)),
            new TrainingLoaderOptions
            {
                Prefetch = Prefetch,
                Seed = 1,
                LastStep = long.MaxValue,
            }
        );
        // Compilation and first allocations are over.
        for (var i = 0; i < 4; i++)
        {
            loader.Take().Dispose();
        }

        using var stops = new StopListener();
        var (started, samples) = (Stopwatch.GetTimestamp(), 0L);
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; samples += GlobalBatch)
        {
            loader.Take().Dispose();
        }

        foreach (var pause in stops.Pauses)
        {
            Console.WriteLine(
                $"  generation {pause.Generation}: {pause.Milliseconds:F2} ms, of which {pause.SuspensionMilliseconds:F2} ms until all threads stood"
            );
        }

        var longest = stops.Pauses.Select(pause => pause.Milliseconds).Order().ToArray();
        Console.WriteLine(
            $"{Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s, {samples} samples: {longest.Length} pauses, the longest "
                + $"{longest.LastOrDefault():F2} ms, {longest.Sum():F1} ms in all"
        );
    }

    /// <summary>A time without any managed code, from the request to suspend all threads until they resume.</summary>
    private sealed record Pause(uint? Generation, double SuspensionMilliseconds, double Milliseconds);

    /// <summary>Collects the pauses of the process.</summary>
    private sealed class StopListener : EventListener
    {
        private const EventKeywords Collections = (EventKeywords)1;
        private const int CollectionStarts = 1,
            RestartEnds = 3,
            SuspendEnds = 8,
            SuspendBegins = 9;
        private DateTime _began,
            _stood;
        private uint? _generation;

        public List<Pause> Pauses { get; } = [];

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Microsoft-Windows-DotNETRuntime")
            {
                EnableEvents(eventSource, EventLevel.Informational, Collections);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            switch (eventData.EventId)
            {
                case SuspendBegins:
                    (_began, _generation) = (eventData.TimeStamp, null);
                    break;
                case SuspendEnds:
                    _stood = eventData.TimeStamp;
                    break;
                case CollectionStarts:
                    _generation = (uint)eventData.Payload![1]!;
                    break;
                case RestartEnds:
                    Pauses.Add(
                        new Pause(_generation, (_stood - _began).TotalMilliseconds, (eventData.TimeStamp - _began).TotalMilliseconds)
                    );
                    break;
            }
        }
    }
}
