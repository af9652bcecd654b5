using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Computational cost of a model, derived from its options without building the model.</summary>
public static class ModelCost
{
    /// <summary>
    /// The parts of both towers, in the order of a forward pass. Counts whole sequences, as is customary, although the towers skip
    /// padding and the tokens of the last block (or of a ResNet's pooling) that are not read.
    /// </summary>
    public static IReadOnlyList<ModelPart> Of(ModelOptions model)
    {
        var parameters = ClipModel
            .Specs(model)
            .Where(spec => !spec.IsStatistic && spec.Name != ClipModel.LogitScale)
            .GroupBy(spec => PartOf(spec.Name, model.Image.Architecture), StringComparer.Ordinal)
            .ToDictionary(part => part.Key, part => part.Sum(spec => spec.Count), StringComparer.Ordinal);
        return
        [
            .. ImageCost.Of(model).Select(part => Part("image", part)),
            .. Text(model).Select(part => Part("text", part)),
            new ModelPart("both", "logit scale", 1, 1, 0, default),
        ];

        ModelPart Part(string tower, (string Name, long Tokens, long Macs, Activations Activations) part) =>
            new(tower, part.Name, part.Tokens, parameters.GetValueOrDefault($"{tower} {part.Name}"), part.Macs, part.Activations);
    }

    /// <summary>
    /// Floating-point operations of a tower for one image or caption in a training step: two for each multiply-accumulate, and backward
    /// has two products for each one of forward.
    /// </summary>
    public static double StepFlops(ModelOptions model, string tower) =>
        6.0 * Of(model).Where(part => part.Tower == tower).Sum(part => part.Macs);

    private static IEnumerable<(string Name, long Tokens, long Macs, Activations Activations)> Text(ModelOptions model)
    {
        var text = model.Text;
        long width = text.Width,
            context = text.Context;
        var block = new TransformerCost(context, width, text.Heads, Mlp.HiddenWidth(text.Width, text.MlpRatio), model.Activation);
        var read = text.Pooling == TextPooling.Mean ? context : 1;
        yield return ("embedding", context, 0, default);
        yield return (
            "blocks",
            context,
            text.Layers * block.Macs,
            ((text.Layers - 1) * block.Activations) + (text.Pooling == TextPooling.Mean ? block.Activations : block.ActivationsOfOne)
        );
        yield return ("pooling", 1, 0, new Activations(text.Pooling == TextPooling.Mean ? context * width : 0, read * width));
        yield return ("projection", 1, width * model.EmbedDim, new Activations(width, 0));
    }

    /// <summary>The part to which a parameter belongs, by its open_clip name.</summary>
    private static string PartOf(string name, ImageArchitecture architecture)
    {
        const string Visual = "visual.";
        var image = name.StartsWith(Visual, StringComparison.Ordinal);
        var module = (image ? name[Visual.Length..] : name).Split('.')[0];
        return (image ? "image " : "text ")
            + module switch
            {
                "transformer" => "blocks",
                "proj" or "text_projection" => "projection",
                "ln_post" or "ln_final" or "attn_pool" or "attnpool" => "pooling",
                "layer1" or "layer2" or "layer3" or "layer4" => $"stage {module[^1]}",
                _ when !image => "embedding",
                _ => architecture == ImageArchitecture.Resnet ? "stem" : "patches",
            };
    }
}

/// <summary>Number of values stored from the forward pass for the backward pass.</summary>
/// <param name="ComputeType">Values in the compute type of the towers.</param>
/// <param name="Fp32">Values that are always fp32: the inputs of norms.</param>
public readonly record struct Activations(long ComputeType, long Fp32)
{
    public static Activations operator +(Activations a, Activations b) => new(a.ComputeType + b.ComputeType, a.Fp32 + b.Fp32);

    public static Activations operator *(long count, Activations a) => new(count * a.ComputeType, count * a.Fp32);

    public long Bytes(Precision precision) => (ComputeType * (precision == Precision.Fp32 ? 4 : 2)) + (Fp32 * 4);
}

/// <summary>Cost of one part of a model for one image or one caption.</summary>
/// <param name="Tower">"image", "text" or "both".</param>
/// <param name="Name">Name of the part.</param>
/// <param name="Tokens">Length of its sequence, or number of positions of its last map.</param>
/// <param name="Parameters">Number of trained values.</param>
/// <param name="Macs">Multiply-accumulate operations of a forward pass over all tokens, including attention.</param>
/// <param name="Activations">Activations stored for the backward pass.</param>
public sealed record ModelPart(string Tower, string Name, long Tokens, long Parameters, long Macs, Activations Activations);
