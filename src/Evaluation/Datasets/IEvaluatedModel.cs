using ClipTrain.DataPipeline.Images;
using TorchSharp;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A model as evaluation sees it. Its tensors are in host memory; it is used on one thread.</summary>
public interface IEvaluatedModel
{
    /// <summary>What reports call it.</summary>
    string Name { get; }

    /// <summary>Equal for equal weights: what is cached is cached by it.</summary>
    string WeightsHash { get; }

    /// <summary>How its images are made.</summary>
    ImageTransformOptions Transform { get; }

    /// <summary>Factor of the cosines in the softmax over classes.</summary>
    double LogitScale { get; }

    /// <summary>True if texts have embeddings beside those of the images.</summary>
    bool HasTexts { get; }

    /// <summary>Images b3SS → unit embeddings bD, and features bF as they are before the projection.</summary>
    (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS);

    /// <summary>Unit embeddings nD of texts.</summary>
    torch.Tensor EncodeTexts(IReadOnlyList<string> texts);
}
