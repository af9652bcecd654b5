using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Interop;

/// <summary>Loads a model's weights from a file.</summary>
public static class ModelWeights
{
    /// <summary>
    /// Overwrites the parameters with a file's tensors, whose names must match exactly. Position tables of an image tower at
    /// another resolution are resampled.
    /// </summary>
    /// <exception cref="WeightsException">The file is malformed, belongs to another model, or contains NaN or infinity.</exception>
    public static void LoadInto(FlatParameters parameters, IWeights weights)
    {
        WeightCheck.Strict(weights, parameters.Specs, PositionTable.IsOtherResolution);
        parameters.Read(
            parameters.Weights,
            (spec, place) =>
            {
                var shape = weights.Shapes[spec.Name];
                if (shape.SequenceEqual(spec.Shape))
                {
                    weights.Read(spec.Name, place.AsSpan<float>());
                }
                else
                {
                    var other = empty([.. shape], float32);
                    weights.Read(spec.Name, other.AsSpan<float>());
                    place.copy_(PositionTable.Resize(other, spec.Shape[0]));
                }

                WeightCheck.Finite(weights, spec.Name, place.AsSpan<float>());
            }
        );
        parameters.RefreshCompute();
    }
}
