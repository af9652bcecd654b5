using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

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

/// <summary>What a model needs of its image tower.</summary>
public interface IImageTower
{
    /// <summary>
    /// The tower as a chain of segments: images b3SS, normalised → features bE in the compute type, not yet of unit length.
    /// </summary>
    /// <param name="kept_bK">The patches to look at, of each image as many; null looks at all. See <see cref="PatchDropout"/>.</param>
    /// <param name="statistics">In training, what BatchNorms tell of the batch; null normalises with the running statistics.</param>
    IEnumerable<Func<torch.Tensor, torch.Tensor>> Segments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null);

    /// <summary>
    /// The same up to the projection into the space of the texts: images b3SS → pooled features bF. Where the pooling projects, they are
    /// the features themselves.
    /// </summary>
    IEnumerable<Func<torch.Tensor, torch.Tensor>> PooledSegments();

    /// <summary>Pooled features bF → features bE.</summary>
    torch.Tensor Project(torch.Tensor pooled_bF);

    /// <summary>
    /// The same up to the pooling: images b3SS → features of the image's places bPE. Places are the patches, those of the last
    /// map for a ResNet, and before them the token that the pooling reads if there is one.
    /// </summary>
    /// <inheritdoc cref="Segments" path="/param"/>
    IEnumerable<Func<torch.Tensor, torch.Tensor>> PlaceSegments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null);
}
