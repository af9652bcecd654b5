using ClipTrain.DataPipeline.Images;
using TorchSharp;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A model to evaluate. Its tensors are in host memory. Used by one thread.</summary>
public interface IEvaluatedModel
{
    /// <summary>Name in reports.</summary>
    string Name { get; }

    /// <summary>Hash of the weights, used as a cache key.</summary>
    string WeightsHash { get; }

    /// <summary>Transform of its input images.</summary>
    ImageTransformOptions Transform { get; }

    /// <summary>Factor on the cosines in the softmax over classes.</summary>
    double LogitScale { get; }

    /// <summary>True if the model embeds texts.</summary>
    bool HasTexts { get; }

    /// <summary>Images b3SS → unit embeddings bD, and features bF before the projection.</summary>
    (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS);

    /// <summary>An encoder of image files with this model.</summary>
    IImageEncoder OpenEncoder() => new ImageEncoder(this);

    /// <summary>Unit embeddings nD of texts.</summary>
    torch.Tensor EncodeTexts(IReadOnlyList<string> texts);

    /// <summary>The loss that the model was trained with, of a batch of pairs of unit embeddings; of a model that embeds texts.</summary>
    double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD);
}
