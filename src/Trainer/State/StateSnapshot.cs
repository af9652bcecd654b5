using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// A training state in host memory: a copy to be written as a checkpoint by any thread, or one on its way into a
/// <see cref="TrainingState"/>. It has all weights, and the moments of all that are not locked or of a slice.
/// </summary>
public sealed class StateSnapshot : IDisposable
{
    /// <summary>Memory for a state, zero: files leave out the padding between parameters.</summary>
    internal StateSnapshot(StateLayout layout, FlatSlice held, StateCounters counters)
    {
        (Parameters, Held, Counters) = (layout.Parameters, held, counters);
        Weights = new MasterWeights(Parameters.Weights.Narrow.numel(), Parameters.Weights.Narrow.numel() + Parameters.Weights.Wide.numel());
        Moments = new AdamMoments(held.Length, layout.Options.Moments, CPU);
    }

    public long Step => Counters.Step;

    /// <summary>The layout that weights and moments have.</summary>
    internal FlatParameters Parameters { get; }

    internal StateCounters Counters { get; }

    /// <summary>The part of the flat buffers whose moments it has.</summary>
    internal FlatSlice Held { get; }

    internal MasterWeights Weights { get; }

    /// <summary>Of <see cref="Held"/>.</summary>
    internal AdamMoments Moments { get; }

    public void Dispose()
    {
        Weights.Dispose();
        Moments.Dispose();
    }

    /// <summary>A fresh state: the parameters' initial values, and moments of zero.</summary>
    internal static StateSnapshot Fresh(StateLayout layout)
    {
        using var guard = no_grad();
        var counters = new StateCounters(0, 0, 0, 0) { LossScale = LossScale.Of(layout.Options.Precision) };
        var snapshot = new StateSnapshot(layout, layout.Parameters.Updated, counters);
        snapshot.Weights.CopyFrom(layout.Parameters.Weights);
        return snapshot;
    }

    /// <summary>A fresh state with the weights that a run starts from.</summary>
    /// <param name="layout">The parameters, with their initial values.</param>
    /// <param name="load">Overwrites master weights in host memory.</param>
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

/// <summary>What the buffers of a training state look like.</summary>
/// <param name="Parameters">The parameters in their layout.</param>
/// <param name="Options">What moments are kept in, and what a fresh run's loss scale is.</param>
internal sealed record StateLayout(FlatParameters Parameters, TrainingOptions Options);

/// <summary>What a run counts.</summary>
/// <param name="Step">Steps done, skipped ones included.</param>
/// <param name="Samples">Pairs trained on.</param>
/// <param name="BadSamples">Pairs that could not be used.</param>
/// <param name="TrainingSeconds">Wall seconds of training, over all resumes.</param>
public sealed record StateCounters(long Step, long Samples, long BadSamples, double TrainingSeconds)
{
    /// <summary>Steps whose gradients overflowed.</summary>
    public long SkippedSteps { get; init; }

    public required LossScale LossScale { get; init; }

    /// <summary>The counters as numbers that a collective carries.</summary>
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
