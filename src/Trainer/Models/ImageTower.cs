using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>Creates the image tower that the options select.</summary>
public static class ImageTower
{
    public static IImageTower Create(FlatParameters parameters, ImageTowerOptions options, Activation activation) =>
        options.Architecture switch
        {
            ImageArchitecture.Resnet => new ModifiedResNet(parameters, options),
            _ => new VisionTransformer(parameters, options, activation),
        };

    /// <summary>The tower's parameters, with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options, int embedDim) =>
        options.Architecture switch
        {
            ImageArchitecture.Resnet => ModifiedResNet.Parameters(options, embedDim),
            _ => VisionTransformer.Parameters(options, embedDim),
        };
}

/// <summary>An image tower: the interface that the model uses.</summary>
public interface IImageTower
{
    /// <summary>
    /// The tower as a chain of segments: normalised images b3SS → features bE in the compute type, not yet of unit length.
    /// </summary>
    /// <param name="kept_bK">
    /// Indices of the patches that the tower sees, the same number for each image; null for all. See <see cref="PatchDropout"/>.
    /// </param>
    /// <param name="statistics">
    /// In training, collects the statistics of the batch for BatchNorms; null to normalise with the running statistics.
    /// </param>
    IEnumerable<Segment> Segments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null);

    /// <summary>
    /// The chain without the projection into the shared space: images b3SS → pooled features bF. If the pooling includes the
    /// projection, these are the features themselves.
    /// </summary>
    IEnumerable<Segment> PooledSegments();

    /// <summary>Pooled features bF → features bE.</summary>
    torch.Tensor Project(torch.Tensor pooled_bF);

    /// <summary>
    /// The chain without pooling: images b3SS → features of the token positions bPE. The positions are the patches, or those of the
    /// last map for a ResNet, preceded by the token that the pooling reads, if there is one.
    /// </summary>
    /// <inheritdoc cref="Segments" path="/param"/>
    IEnumerable<Segment> TokenSegments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null);
}
