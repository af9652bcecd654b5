using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using Serilog;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Progress log of a suite: every few seconds the progress and remaining time of a set.</summary>
public sealed class SuiteProgress(ILogger log, TimeProvider time) : ISuiteObserver
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, int> _leftOut = new(StringComparer.Ordinal);
    private string? _set;
    private long _started,
        _told,
        _done;

    public void Embedded(string set, long done, long? total)
    {
        if (_set != set || done < _done)
        {
            (_set, _started, _told) = (set, time.GetTimestamp(), time.GetTimestamp());
        }
        else if (time.GetElapsedTime(_told) >= s_interval || done == total)
        {
            Tell(set, done, total);
        }

        _done = done;
    }

    public void Cached(string set, int images) =>
        log.Information("{Set:l}: features of {Images:l} images from the cache", set, Readable.Count(images));

    public void LeftOut(string set, string key, string reason)
    {
        const int named = 3;
        var count = _leftOut[set] = _leftOut.GetValueOrDefault(set) + 1;
        if (count <= named)
        {
            log.Warning(
                "{Set:l}: {Key:l} skipped: {Reason:l}{More:l}",
                set,
                key,
                reason,
                count == named ? " (further ones are only counted)" : ""
            );
        }
    }

    public void Begins(string set, SetTask task) =>
        log.Information("{Set:l}: {Task:l}", set, OptionSection.SnakeCase(task.ToString()).Replace('_', ' '));

    private void Tell(string set, long done, long? total)
    {
        _told = time.GetTimestamp();
        var seconds = time.GetElapsedTime(_started).TotalSeconds;
        if (total is { } all && done < all)
        {
            log.Information(
                "{Set:l}: {Done:l} of {Total:l} images, {Left:l} left",
                set,
                Readable.Count(done),
                Readable.Count(all),
                Readable.Duration(TimeSpan.FromSeconds(seconds * (all - done) / Math.Max(1, done)))
            );
        }
        else
        {
            log.Information("{Set:l}: {Done:l} images embedded", set, Readable.Count(done));
        }
    }
}
