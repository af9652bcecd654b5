using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>Makes tokens of an image's patches.</summary>
internal interface IPatchEmbedder
{
    /// <summary>Images b3SS in the compute type → tokens bLW, of all patches or of those that are kept.</summary>
    /// <inheritdoc cref="IImageTower.Segments" path="/param"/>
    torch.Tensor Forward(torch.Tensor images_b3SS, torch.Tensor? kept_bK, BatchStatistics? statistics);
}
