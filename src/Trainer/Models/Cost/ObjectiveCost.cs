using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Cost of what an objective trains: the image tower alone, or with the text tower, a prediction head or a decoder.</summary>
public static class ObjectiveCost
{
    /// <summary>Number of trained values.</summary>
    public static long Parameters(ModelOptions model, Objective objective) =>
        ClipModel.Specs(model, objective).Where(spec => !spec.IsStatistic).Sum(spec => spec.Count);

    /// <summary>Multiply-accumulate operations of a forward pass for one pair, over whole sequences as in <see cref="ModelCost"/>.</summary>
    public static long Macs(ModelOptions model, Objective objective) => ImageMacs(model, objective) + OtherMacs(model, objective);

    /// <summary>
    /// Floating-point operations of a model for one pair in a training step: two for each multiply-accumulate, and backward has two
    /// products for each one of forward.
    /// </summary>
    public static double StepFlops(ClipModel model)
    {
        return Of(Tower.Image, ImageMacs(model.Options, model.Objective)) + Of(Tower.Text, OtherMacs(model.Options, model.Objective));

        // A locked tower has no backward pass.
        double Of(Tower tower, long macs) => (model.Trains(tower) ? 6.0 : 2.0) * macs;
    }

    /// <summary>Operations of the image tower on all views. A caption decoder reads the projected features of all its positions.</summary>
    private static long ImageMacs(ModelOptions model, Objective objective)
    {
        var macs = objective.Views() * ModelCost.Of(model).Where(part => part.Tower == "image").Sum(part => part.Macs);
        return objective == Objective.Captioning && model.Image.Architecture != ImageArchitecture.Resnet
            ? macs + ((Positions(model) - 1) * model.Image.Width * model.EmbedDim)
            : macs;
    }

    /// <summary>Operations of all but the image tower, and of the losses none but those of heads over classes or tokens.</summary>
    private static long OtherMacs(ModelOptions model, Objective objective) =>
        objective switch
        {
            Objective.BagOfWords => (long)model.EmbedDim * model.Text.Vocabulary,
            Objective.Classification => (long)model.EmbedDim * model.Image.Classes!.Value,
            Objective.Captioning => DecoderMacs(model),
            Objective.TwoViews => 0,
            _ => ModelCost.Of(model).Where(part => part.Tower == "text").Sum(part => part.Macs),
        };

    /// <summary>The prefix, the blocks over image positions and caption, and the logits of each token over the vocabulary.</summary>
    private static long DecoderMacs(ModelOptions model)
    {
        var text = model.Text;
        long positions = Positions(model),
            width = text.Width,
            context = text.Context;
        var block = new TransformerCost(
            positions + context,
            width,
            text.Heads,
            Mlp.HiddenWidth(text.Width, text.MlpRatio),
            model.Activation
        );
        return (positions * model.EmbedDim * width) + (text.Layers * block.Macs) + (context * width * text.Vocabulary);
    }

    /// <summary>Positions of the image that a decoder reads: all tokens but the registers.</summary>
    private static long Positions(ModelOptions model) =>
        model.Image.Architecture == ImageArchitecture.Resnet
            ? ModelCost.Of(model).First(part => part is { Tower: "image", Name: "pooling" }).Tokens
            : VisionTransformer.Tokens(model.Image) - model.Image.Registers;
}
