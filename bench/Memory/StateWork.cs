using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Bench.Memory;

/// <summary>A training state between steps: parameters with their copies, gradients and moments.</summary>
internal static class StateWork
{
    private const int Updates = 5;

    /// <summary>Bytes of the numbers of a state alone.</summary>
    public static long Bytes(ModelOptions model, TrainingOptions training) =>
        ClipModel
            .Specs(model)
            .Select(spec => FineTuning.Apply(spec, model, training))
            .Sum(spec =>
                spec.Count * (Weight(spec, training.Precision) + sizeof(float)) + (long)(spec.Count * 2 * Moment(training.Moments))
            );

    /// <summary>Memory of a state with every byte written, and the time of an update.</summary>
    public static Measurement Measure(ModelOptions model, TrainingOptions training)
    {
        // Memory that the library allocates at first use does not count as the state's.
        Update(
            new ModelOptions
            {
                EmbedDim = 8,
                Image = new ImageTowerOptions
                {
                    Size = 8,
                    Patch = 8,
                    Width = 8,
                    Layers = 1,
                    Heads = 1,
                },
                Text = new TextTowerOptions
                {
                    Context = 4,
                    Vocabulary = 8,
                    Width = 8,
                    Layers = 1,
                    Heads = 1,
                },
            },
            training,
            _ => { }
        );
        return Measurement.Held(measured => Update(model, training, measured));
    }

    /// <summary>Updates a new, complete state several times; returns the median time.</summary>
    private static void Update(ModelOptions model, TrainingOptions training, Action<double> measured)
    {
        using var state = new TrainingState(
            new RunOptions
            {
                Model = model,
                Data = new DataOptions { Train = ["unused"] },
                Training = training,
            }
        );
        state.Model.Parameters.Gradients.normal_(0, 1e-3);
        var times = new List<double>();
        for (var step = 1; step <= Updates; step++)
        {
            var cpu = Environment.CpuUsage.TotalTime;
            state.Optimizer.Update(new OptimizerStep(step, step, 1e-4, 1));
            times.Add((Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
        }

        measured(times.Order().ElementAt(Updates / 2));
    }

    private static int Weight(ParameterSpec spec, Precision precision) =>
        spec.IsNarrow ? 2 : 4 + (spec.InComputeType && precision != Precision.Fp32 ? 2 : 0);

    private static double Moment(MomentType type) =>
        type switch
        {
            MomentType.Fp32 => 4,
            MomentType.Bf16 => 2,
            _ => 1 + (4 / 256.0),
        };
}
