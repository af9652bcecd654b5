using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models;

/// <summary>A linear layer on the image tower's feature, with timm's names: one score per class, or per token of a vocabulary.</summary>
public static class ClassifierHead
{
    public const string Weight = "head.weight",
        Bias = "head.bias";

    /// <param name="embedDim">Width of the feature.</param>
    /// <param name="classes">Number of scores.</param>
    public static IEnumerable<ParameterSpec> Parameters(int embedDim, long classes) =>
        [
            // fp32, like the rest of the loss. Small initial weights protect the tower's features in the first steps of fine-tuning.
            new(Weight, [classes, embedDim], false, Initial.Normal(0.01)),
            new(Bias, [classes], false, Initial.Zero),
        ];
}
