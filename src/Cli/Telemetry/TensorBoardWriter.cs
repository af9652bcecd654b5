using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Writer of a TensorBoard event file with the scalars of each step. Each start of a run writes a new file.</summary>
public sealed class TensorBoardWriter : IDisposable
{
    private readonly FileStream _stream;
    private readonly TimeProvider _time;

    /// <param name="directory">Folder of the event files; created if missing.</param>
    /// <param name="resumedStep">Step that the run resumes from; later steps in earlier files are marked as void. 0 for
    /// a new run.</param>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public TensorBoardWriter(string directory, TimeProvider time, long resumedStep = 0)
    {
        _time = time;
        Directory.CreateDirectory(directory);
        _stream = Create(directory, time.GetUtcNow().ToUnixTimeSeconds());
        Append(TensorBoardEvents.FileVersion(WallTime));
        if (resumedStep > 0)
        {
            Append(TensorBoardEvents.SessionStarts(WallTime, resumedStep + 1));
        }
    }

    private double WallTime => _time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    public void Write(StepMetrics metrics) =>
        Append(
            TensorBoardEvents.Scalars(
                WallTime,
                metrics.Step,
                [
                    ("train/loss", metrics.Loss),
                    .. Optional("train/logit_scale", metrics.LogitScale),
                    .. Optional("train/logit_bias", metrics.LogitBias),
                    .. Optional("train/loss_scale", metrics.LossScale),
                    .. Optional("train/skipped_steps", metrics.SkippedSteps),
                    ("train/gradient_norm", metrics.GradientNorm),
                    ("train/learning_rate", metrics.LearningRate),
                    ("throughput/images_per_second", metrics.ImagesPerSecond),
                    ("data/wait_share", metrics.DataWaitShare),
                    ("data/truncated_captions", metrics.TruncatedCaptions),
                    .. metrics.CorpusEpochs?.Select(corpus => ($"data/epochs/{corpus.Key}", corpus.Value)) ?? [],
                    .. Loader(metrics.Loader),
                    .. Optional("throughput/mfu", metrics.Mfu),
                    .. metrics.Phases?.Select(phase => ($"phases/{phase.Key}", phase.Value)) ?? [],
                    .. Tower("image_tower", metrics.ImageTower),
                    .. Tower("text_tower", metrics.TextTower),
                ]
            )
        );

    /// <summary>Writes further scalars of a step.</summary>
    public void Write(long step, IEnumerable<(string Name, double Value)> scalars) =>
        Append(TensorBoardEvents.Scalars(WallTime, step, [.. scalars]));

    public void Dispose() => _stream.Dispose();

    private static IEnumerable<(string Name, double Value)> Optional(string name, double? value) =>
        value is { } number ? [(name, number)] : [];

    private static IEnumerable<(string Name, double Value)> Tower(string name, TowerMetrics? tower) =>
        [
            .. Optional($"{name}/gradient_norm", tower?.GradientNorm),
            .. Optional($"{name}/mean_cosine", tower?.MeanCosine),
            .. Optional($"{name}/effective_rank", tower?.EffectiveRank),
            .. Optional($"{name}/movement", tower?.Movement),
        ];

    private static IEnumerable<(string Name, double Value)> Loader(LoaderMetrics? loader)
    {
        if (loader is null)
        {
            yield break;
        }

        foreach (
            var (name, stage) in new[]
            {
                ("read", loader.Read),
                ("decode", loader.Decode),
                ("tokenize", loader.Tokenize),
                ("assemble", loader.Assemble),
            }
        )
        {
            yield return ($"data_{name}/rate", stage.Rate);
            yield return ($"data_{name}/busy_share", stage.Busy);
        }

        yield return ("data_read/blocked_share", loader.Read.Blocked);
        yield return ("data_decode/starved_share", loader.Decode.Starved);
        yield return ("data_decode/blocked_share", loader.Decode.Blocked);
        yield return ("data/queued_samples", loader.QueuedSamples);
        yield return ("data/queued_batches", loader.QueuedBatches);
    }

    private static FileStream Create(string directory, long seconds)
    {
        // Readers sort files by name, so a counter for files of the same second comes last.
        var name = string.Create(
            CultureInfo.InvariantCulture,
            $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}"
        );
        for (var n = 0; ; n++)
        {
            var path = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{name}.{n}"));
            if (!File.Exists(path))
            {
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
            }
        }
    }

    private void Append(byte[] message)
    {
        _stream.Write(TensorBoardEvents.Frame(message));
        _stream.Flush();
    }
}
