using ClipTrain.DataPipeline.Loading;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// This rank's part of a global batch, in host memory. Shapes: b pairs (may be 0), S image side, L context, K kept patches.
/// </summary>
/// <param name="Images_b3SS">
/// fp32 or bf16, normalised; or uint8, normalised later on the device. With several views, those of a sample follow each other.
/// </param>
/// <param name="Tokens_bL">int64, padded with zeros.</param>
/// <param name="Ends_b">int64, position of each caption's end-of-text token.</param>
/// <param name="KeptPatches_bK">int64, the patches of each image that the tower sees; null for all.</param>
/// <param name="Keys">Names of the samples, for error messages.</param>
public sealed record TrainingBatch(
    torch.Tensor Images_b3SS,
    torch.Tensor Tokens_bL,
    torch.Tensor Ends_b,
    torch.Tensor? KeptPatches_bK,
    IReadOnlyList<string> Keys
)
{
    public long Count => Images_b3SS.size(0) / Views;

    /// <summary>Number of images of each sample.</summary>
    public int Views { get; init; } = 1;

    /// <summary>int64, class of each image; null unless the objective is classification.</summary>
    public torch.Tensor? Labels_b { get; init; }

    /// <summary>A view of the loader's batch as tensors, valid until the batch is disposed. Does not copy.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="images">Format of the images.</param>
    /// <param name="model">Context length and patch dropout.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="objective">Decides on labels and the number of views.</param>
    public static TrainingBatch Of(Batch batch, ImageInput images, ModelOptions model, ulong seed, Objective objective) =>
        new(
            images.Wrap(batch.Images, batch.Count * objective.Views()),
            TensorMemory.FromBlob(batch.Tokens, [batch.Count, model.Text.Context], int64),
            TensorMemory.FromBlob(batch.EndPositions, [batch.Count], int64),
            PatchDropout.Draw(model.Image, seed, batch.Samples),
            batch.Keys
        )
        {
            Labels_b = objective == Objective.Classification ? TensorMemory.FromBlob(batch.Labels, [batch.Count], int64) : null,
            Views = objective.Views(),
        };
}
