using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// A training state in host memory: a copy to be written as a checkpoint by any thread, or one on its way into a
/// <see cref="TrainingState"/>. It has all weights, and the moments of all that are not locked or of a slice.
/// </summary>
public sealed class StateSnapshot : IDisposable
{
    private const string FirstMomentName = "exp_avg",
        SecondMomentName = "exp_avg_sq",
        ScaleSuffix = "_scale";

    private readonly FlatParameters _layout;

    /// <summary>Memory for a state, zero: files leave out the padding between parameters.</summary>
    internal StateSnapshot(StateLayout layout, FlatSlice held, StateCounters counters)
    {
        (_layout, Held, Counters) = (layout.Parameters, held, counters);
        Weights = new MasterWeights(_layout.Weights.Narrow.numel(), _layout.Weights.Narrow.numel() + _layout.Weights.Wide.numel());
        Moments = new AdamMoments(held.Length, layout.Options.Moments, CPU);
    }

    public long Step => Counters.Step;

    internal StateCounters Counters { get; }

    /// <summary>The part of the flat buffers whose moments it has.</summary>
    internal FlatSlice Held { get; }

    internal MasterWeights Weights { get; }

    /// <summary>Of <see cref="Held"/>.</summary>
    internal AdamMoments Moments { get; }

    /// <summary>Writes the checkpoint, for which all moments are needed; returns its directory.</summary>
    /// <param name="unrecorded">Records of steps in it that the run's ledger may lack.</param>
    public string Write(
        CheckpointDirectory checkpoints,
        string configHash,
        string corpusHash,
        int keep,
        IReadOnlyList<StepRecord> unrecorded
    )
    {
        using var scope = NewDisposeScope();
        return checkpoints.Write(
            new CheckpointState(Counters.Step, Counters.Samples, Counters.BadSamples, Counters.TrainingSeconds, configHash, corpusHash)
            {
                SkippedSteps = Counters.SkippedSteps,
                LossScale = Counters.LossScale.Factor,
                CleanSteps = Counters.LossScale.CleanSteps,
            },
            [
                .. Ordered(_layout.Specs)
                    .Select(spec => new NamedTensor(
                        spec.Name,
                        spec.Shape,
                        _layout.View(Weights, spec.Name).DataPointer(),
                        spec.IsNarrow ? NumberType.BFloat16 : NumberType.Float32
                    )),
            ],
            [.. Tensors(Moments.First, FirstMomentName), .. Tensors(Moments.Second, SecondMomentName)],
            unrecorded,
            keep
        );
    }

    public void Dispose()
    {
        Weights.Dispose();
        Moments.Dispose();
    }

    /// <summary>Reads a checkpoint.</summary>
    /// <param name="layout">The parameters that it must have.</param>
    /// <exception cref="WeightsException">The checkpoint is not whole, or is of another model, configuration or corpus.</exception>
    internal static StateSnapshot Read(StateLayout layout, CheckpointDirectory checkpoints, long step, string configHash, string corpusHash)
    {
        var saved = checkpoints.Verify(step);
        var path = checkpoints.PathOf(step);
        if (saved.ConfigHash != configHash)
            throw new WeightsException(
                $"{path}: was written under another configuration. Resume with the run's own config.yaml, or begin a new run."
            );
        if (saved.CorpusHash != corpusHash)
            throw new WeightsException(
                $"{path}: was written with another corpus: its files have changed since. Restore them, or begin a new run."
            );
        var counters = new StateCounters(saved.Step, saved.Samples, saved.BadSamples, saved.TrainingSeconds)
        {
            SkippedSteps = saved.SkippedSteps,
            LossScale = new LossScale(saved.LossScale, saved.CleanSteps),
        };
        var snapshot = new StateSnapshot(layout, layout.Parameters.Updated, counters);
        try
        {
            using var model = new SafetensorsFile(Path.Combine(path, CheckpointDirectory.ModelFile));
            using var optimizer = new SafetensorsFile(Path.Combine(path, CheckpointDirectory.OptimizerFile));
            layout.Parameters.Read(snapshot.Weights, (spec, place) => model.Read(spec.Name, place.AsSpan<float>()));
            snapshot.Read(optimizer, snapshot.Moments.First, FirstMomentName);
            snapshot.Read(optimizer, snapshot.Moments.Second, SecondMomentName);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
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
    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="WeightsException">The weights cannot be read or do not fit.</exception>
    internal static StateSnapshot Begin(StateLayout layout, RunOptions run)
    {
        using var guard = no_grad();
        var snapshot = Fresh(layout);
        try
        {
            using var weights = new StartWeights(run);
            weights.LoadInto(layout.Parameters, snapshot.Weights);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }

    /// <summary>A moment as tensors of the parameters' names: numbers as they are kept, and the scales of those in bytes.</summary>
    private IEnumerable<NamedTensor> Tensors(MomentBuffer moment, string name)
    {
        foreach (var spec in Ordered(_layout.In(moment.Values)))
        {
            yield return new NamedTensor(
                $"{name}.{spec.Name}",
                spec.Shape,
                _layout.View(moment.Values, spec.Name).DataPointer(),
                TypeOf(moment)
            );
            if (moment.Scales is not null)
                yield return new NamedTensor(
                    $"{name}{ScaleSuffix}.{spec.Name}",
                    [ScalesOf(moment, spec).numel()],
                    ScalesOf(moment, spec).DataPointer()
                );
        }
    }

    private void Read(SafetensorsFile file, MomentBuffer moment, string name)
    {
        using var scope = NewDisposeScope();
        foreach (var spec in _layout.In(moment.Values))
        {
            file.ReadBytes($"{name}.{spec.Name}", TypeOf(moment), _layout.View(moment.Values, spec.Name).Bytes());
            if (moment.Scales is not null)
                file.ReadBytes($"{name}{ScaleSuffix}.{spec.Name}", NumberType.Float32, ScalesOf(moment, spec).Bytes());
        }
    }

    private torch.Tensor ScalesOf(MomentBuffer moment, ParameterSpec spec) => _layout.PlaceOf(spec.Name).InBlocks.Of(moment.Scales!);

    private static IEnumerable<ParameterSpec> Ordered(IEnumerable<ParameterSpec> specs) =>
        specs.OrderBy(spec => spec.Name, StringComparer.Ordinal);

    private static NumberType TypeOf(MomentBuffer moment) =>
        moment.Values.dtype switch
        {
            torch.ScalarType.BFloat16 => NumberType.BFloat16,
            torch.ScalarType.Byte => NumberType.Byte,
            _ => NumberType.Float32,
        };
}
