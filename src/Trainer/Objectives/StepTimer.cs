using System.Diagnostics;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Phases of a training step, in the order in which they begin.</summary>
public enum StepPhase
{
    /// <summary>Waiting for the loader's next batch.</summary>
    DataWait,

    /// <summary>Waiting for the other ranks to be ready for the step.</summary>
    OtherRanks,

    /// <summary>Wrapping the batch and moving it to the device.</summary>
    Copy,

    TextForward,
    ImageForward,

    /// <summary>Waiting for other ranks' embeddings.</summary>
    Gather,

    /// <summary>Loss and gradients of the embeddings.</summary>
    Loss,

    ImageBackward,
    TextBackward,

    /// <summary>Waiting for the sums of gradients, and their norm.</summary>
    Reduction,

    Optimizer,

    /// <summary>Copying the state for a checkpoint, and waiting for the one before to be on disk.</summary>
    Checkpoint,
}

/// <summary>
/// Wall time by phase of the steps of one thread. Phases do not nest. On a GPU each lap waits for the device, so that its time is
/// that of the work and not of the launch: measure with it, do not train with it. On a CPU a lap costs two readings of the clock.
/// </summary>
/// <param name="gpu">The GPU to wait for at the end of each lap; null for none.</param>
public sealed class StepTimer(torch.Device? gpu = null)
{
    private readonly torch.Device? _gpu = gpu;
    private readonly long[] _ticks = new long[Enum.GetValues<StepPhase>().Length];

    /// <summary>Time spent in a phase so far.</summary>
    public TimeSpan this[StepPhase phase] => Stopwatch.GetElapsedTime(0, _ticks[(int)phase]);

    /// <summary>Begins a lap of a phase, which ends when the result is disposed of.</summary>
    public Lap Measure(StepPhase phase) => new(this, phase, Stopwatch.GetTimestamp());

    /// <summary>Forgets all laps, as after a warm-up.</summary>
    public void Reset() => Array.Clear(_ticks);

    /// <summary>One stay in a phase.</summary>
    public readonly struct Lap(StepTimer timer, StepPhase phase, long began) : IDisposable
    {
        public void Dispose()
        {
            if (timer._gpu is { } gpu)
            {
                torch.cuda.synchronize(gpu);
            }

            timer._ticks[(int)phase] += Stopwatch.GetTimestamp() - began;
        }
    }
}
