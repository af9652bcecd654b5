using System.Globalization;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Evaluation.Datasets;
using TorchSharp;

namespace ClipTrain.Evaluation.Robustness;

/// <summary>A baseline without weights, whose features are the pixels of a downscaled image.</summary>
/// <param name="side">Side length of the downscaled image.</param>
public sealed class PixelModel(int side) : IEvaluatedModel
{
    public string Name => string.Create(CultureInfo.InvariantCulture, $"pixels {side}×{side}");

    public string WeightsHash => "pixels";

    public ImageTransformOptions Transform { get; } = new(side);

    public double LogitScale => 1;

    public bool HasTexts => false;

    public (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS)
    {
        var pixels_bF = images_b3SS.flatten(1).clone();
        return (torch.nn.functional.normalize(pixels_bF, 2, -1), pixels_bF);
    }

    public torch.Tensor EncodeTexts(IReadOnlyList<string> texts) => throw new InvalidOperationException("Pixels embed no texts.");

    public double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD) => throw new InvalidOperationException("Pixels embed no texts.");
}
