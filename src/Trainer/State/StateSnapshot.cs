using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// A training state in host memory: a copy that any thread can write as a checkpoint, or one to be restored into a <see
/// cref="TrainingState"/>. Holds all weights, and the moments of all trainable parameters or of one slice.
/// </summary>
public sealed class StateSnapshot : IDisposable
{
    /// <summary>A zero-initialised state: files omit the padding between parameters, so it must already be zero.</summary>
    internal StateSnapshot(StateLayout layout, FlatSlice held, StateCounters counters)
    {
        (Parameters, Held, Counters) = (layout.Parameters, held, counters);
        Weights = new MasterWeights(Parameters.Weights.Narrow.numel(), Parameters.Weights.Narrow.numel() + Parameters.Weights.Wide.numel());
        Moments = AdamMoments.Zeros(held.Length, layout.Options.Moments, CPU);
    }

    public long Step => Counters.Step;

    /// <summary>Layout of the weights and moments.</summary>
    internal FlatParameters Parameters { get; }

    internal StateCounters Counters { get; }

    /// <summary>The part of the flat buffers whose moments are held.</summary>
    internal FlatSlice Held { get; }

    internal MasterWeights Weights { get; }

    /// <summary>Moments of the slice <see cref="Held"/>.</summary>
    internal AdamMoments Moments { get; }

    public void Dispose()
    {
        Weights.Dispose();
        Moments.Dispose();
    }

    /// <summary>A fresh state: initial parameter values and zero moments.</summary>
    internal static StateSnapshot Fresh(StateLayout layout)
    {
        using var guard = no_grad();
        var counters = new StateCounters(0, 0, 0, 0) { LossScale = LossScale.Of(layout.Options.Precision) };
        var snapshot = new StateSnapshot(layout, layout.Parameters.Updated, counters);
        snapshot.Weights.CopyFrom(layout.Parameters.Weights);
        return snapshot;
    }

    /// <summary>A fresh state with the weights of training.start_from.</summary>
    /// <param name="layout">The parameters with their initial values.</param>
    /// <param name="load">Overwrites the master weights, in host memory.</param>
    internal static StateSnapshot Begin(StateLayout layout, Action<FlatParameters, MasterWeights> load)
    {
        using var guard = no_grad();
        var snapshot = Fresh(layout);
        try
        {
            load(layout.Parameters, snapshot.Weights);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }
}

/// <summary>Layout and storage types of a training state's buffers.</summary>
/// <param name="Parameters">The parameters in their layout.</param>
/// <param name="Options">Moment storage and initial loss scale.</param>
internal sealed record StateLayout(FlatParameters Parameters, TrainingOptions Options);

/// <summary>Counters of a run.</summary>
/// <param name="Step">Steps done, including skipped ones.</param>
/// <param name="Samples">Pairs trained on.</param>
/// <param name="BadSamples">Samples that could not be used.</param>
/// <param name="TrainingSeconds">Training time in seconds of wall clock, over all resumes.</param>
public sealed record StateCounters(long Step, long Samples, long BadSamples, double TrainingSeconds)
{
    /// <summary>Steps that changed no weight; see <see cref="TrainingState.SkippedSteps"/>.</summary>
    public long SkippedSteps { get; init; }

    public required LossScale LossScale { get; init; }

    /// <summary>The counters as integers for a collective.</summary>
    internal long[] ToNumbers() =>
        [
            Step,
            Samples,
            BadSamples,
            BitConverter.DoubleToInt64Bits(TrainingSeconds),
            SkippedSteps,
            BitConverter.DoubleToInt64Bits(LossScale.Factor),
            LossScale.CleanSteps,
        ];

    internal static StateCounters FromNumbers(ReadOnlySpan<long> numbers) =>
        new(numbers[0], numbers[1], numbers[2], BitConverter.Int64BitsToDouble(numbers[3]))
        {
            SkippedSteps = numbers[4],
            LossScale = new LossScale(BitConverter.Int64BitsToDouble(numbers[5]), numbers[6]),
        };
}
