using ClipTrain.Coordinator.Protocol;
using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.State;

/// <summary>
/// Writes a <see cref="StateSnapshot"/> as a checkpoint and reads it back: weights and moments as safetensors, counters as JSON.
/// </summary>
public static class SnapshotFiles
{
    private const string FirstMomentName = "exp_avg",
        SecondMomentName = "exp_avg_sq",
        ScaleSuffix = "_scale";

    /// <summary>Writes a checkpoint and returns its directory. The snapshot must hold all moments.</summary>
    /// <param name="unrecorded">Records of steps in the snapshot that the run's ledger may lack.</param>
    public static string Write(
        this StateSnapshot snapshot,
        CheckpointDirectory checkpoints,
        string configHash,
        string corpusHash,
        Retention retention,
        IReadOnlyList<StepRecord> unrecorded
    )
    {
        var layout = snapshot.Parameters;
        using var scope = NewDisposeScope();
        return checkpoints.Write(
            new CheckpointState(
                snapshot.Counters.Step,
                snapshot.Counters.Samples,
                snapshot.Counters.BadSamples,
                snapshot.Counters.TrainingSeconds,
                configHash,
                corpusHash
            )
            {
                SkippedSteps = snapshot.Counters.SkippedSteps,
                LossScale = snapshot.Counters.LossScale.Factor,
                CleanSteps = snapshot.Counters.LossScale.CleanSteps,
            },
            [
                .. Ordered(layout.Specs)
                    .Select(spec => new NamedTensor(
                        spec.Name,
                        spec.Shape,
                        layout.View(snapshot.Weights, spec.Name).DataPointer(),
                        TypeOf(spec)
                    )),
            ],
            [.. Tensors(layout, snapshot.Moments.First, FirstMomentName), .. Tensors(layout, snapshot.Moments.Second, SecondMomentName)],
            unrecorded,
            retention
        );
    }

    /// <summary>Size in bytes of the weights and moments in a checkpoint of a run, without building its model.</summary>
    /// <param name="options">The run.</param>
    /// <param name="step">Step of the checkpoint, which its files name.</param>
    public static long ByteCount(RunOptions options, long step)
    {
        var (model, training) = (options.Model, options.Training);
        ParameterSpec[] specs =
        [
            .. Ordered(ClipModel.Specs(model, training.Objective).Select(spec => FineTuning.Apply(spec, model, training))),
        ];
        TensorHeader[] weights = [.. specs.Select(spec => new TensorHeader(spec.Name, spec.Shape, TypeOf(spec)))],
            moments =

            [
                .. from name in new[] { FirstMomentName, SecondMomentName }
                from spec in specs
                where !spec.IsLocked
                from tensor in Moment(name, spec)
                select tensor,
            ];
        var metadata = CheckpointDirectory.Metadata(step);
        return SafetensorsWriter.ByteCount(weights, metadata) + SafetensorsWriter.ByteCount(moments, metadata);

        TensorHeader[] Moment(string name, ParameterSpec spec) =>
            training.Moments switch
            {
                MomentType.Bf16 => [new($"{name}.{spec.Name}", spec.Shape, NumberType.BFloat16)],
                MomentType.Int8 =>
                [
                    new($"{name}.{spec.Name}", spec.Shape, NumberType.Byte),
                    new(
                        $"{name}{ScaleSuffix}.{spec.Name}",
                        [(spec.Count + MomentBuffer.Alignment - 1) / MomentBuffer.Alignment],
                        NumberType.Float32
                    ),
                ],
                _ => [new($"{name}.{spec.Name}", spec.Shape, NumberType.Float32)],
            };
    }

    /// <summary>Reads a checkpoint.</summary>
    /// <param name="layout">The parameters that the checkpoint must have.</param>
    /// <exception cref="WeightsException">The checkpoint is damaged, or belongs to another model, configuration or corpus.</exception>
    internal static StateSnapshot Read(StateLayout layout, CheckpointDirectory checkpoints, long step, string configHash, string corpusHash)
    {
        var saved = checkpoints.Verify(step);
        var path = checkpoints.PathOf(step);
        if (saved.ConfigHash != configHash)
        {
            throw new WeightsException(
                $"{path}: was written with another configuration. Resume with the run's own config.yaml, or start a new run."
            );
        }

        if (saved.CorpusHash != corpusHash)
        {
            throw new WeightsException(
                $"{path}: was written with another corpus, or its files have changed since. Restore the files, or start a new run."
            );
        }

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
            Read(layout.Parameters, optimizer, snapshot.Moments.First, FirstMomentName);
            Read(layout.Parameters, optimizer, snapshot.Moments.Second, SecondMomentName);
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }

    /// <summary>A moment buffer as tensors named after the parameters: the stored values and, for int8, their scales.</summary>
    private static IEnumerable<NamedTensor> Tensors(FlatParameters layout, MomentBuffer moment, string name)
    {
        foreach (var spec in Ordered(layout.In(moment.Values)))
        {
            yield return new NamedTensor(
                $"{name}.{spec.Name}",
                spec.Shape,
                layout.View(moment.Values, spec.Name).DataPointer(),
                TypeOf(moment)
            );
            if (moment.Scales is not null)
            {
                yield return new NamedTensor(
                    $"{name}{ScaleSuffix}.{spec.Name}",
                    [ScalesOf(layout, moment, spec).numel()],
                    ScalesOf(layout, moment, spec).DataPointer()
                );
            }
        }
    }

    private static void Read(FlatParameters layout, SafetensorsFile file, MomentBuffer moment, string name)
    {
        using var scope = NewDisposeScope();
        foreach (var spec in layout.In(moment.Values))
        {
            file.ReadBytes($"{name}.{spec.Name}", TypeOf(moment), layout.View(moment.Values, spec.Name).Bytes());
            if (moment.Scales is not null)
            {
                file.ReadBytes($"{name}{ScaleSuffix}.{spec.Name}", NumberType.Float32, ScalesOf(layout, moment, spec).Bytes());
            }
        }
    }

    private static torch.Tensor ScalesOf(FlatParameters layout, MomentBuffer moment, ParameterSpec spec) =>
        layout.SliceOf(spec.Name).InBlocks.Of(moment.Scales!);

    private static IEnumerable<ParameterSpec> Ordered(IEnumerable<ParameterSpec> specs) =>
        specs.OrderBy(spec => spec.Name, StringComparer.Ordinal);

    private static NumberType TypeOf(ParameterSpec spec) => spec.IsNarrow ? NumberType.BFloat16 : NumberType.Float32;

    private static NumberType TypeOf(MomentBuffer moment) =>
        moment.Values.dtype switch
        {
            torch.ScalarType.BFloat16 => NumberType.BFloat16,
            torch.ScalarType.Byte => NumberType.Byte,
            _ => NumberType.Float32,
        };
}
