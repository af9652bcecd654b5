using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A linear layer on the image tower's feature, with timm's names: a score for each class, or for each token of a vocabulary.
/// </summary>
public static class ClassifierHead
{
    public const string Weight = "head.weight",
        Bias = "head.bias";

    /// <param name="embedDim">Width of the feature.</param>
    /// <param name="classes">Number of scores.</param>
    public static IEnumerable<ParameterSpec> Parameters(int embedDim, long classes) =>
        [
            // fp32 as all of the loss. Small weights leave what the tower has learned as it is in the first steps of a fine-tuning.
            new(Weight, [classes, embedDim], false, Initial.Normal(0.01)),
            new(Bias, [classes], false, Initial.Zero),
        ];
}
