using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models;

/// <summary>The image tower that options name.</summary>
public static class ImageTower
{
    public static IImageTower Create(FlatParameters parameters, ImageTowerOptions options, Activation activation) =>
        options.Architecture switch
        {
            ImageArchitecture.Resnet => new ModifiedResNet(parameters, options),
            _ => new VisionTransformer(parameters, options, activation),
        };

    /// <summary>Its parameters with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options, int embedDim) =>
        options.Architecture switch
        {
            ImageArchitecture.Resnet => ModifiedResNet.Parameters(options, embedDim),
            _ => VisionTransformer.Parameters(options, embedDim),
        };
}
