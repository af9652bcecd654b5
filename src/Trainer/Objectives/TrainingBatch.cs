using ClipTrain.DataPipeline.Loading;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// This rank's share of a global batch, in host memory. Shapes: b pairs (may be 0), S image side, L context, K kept patches.
/// </summary>
/// <param name="Images_b3SS">Normalised, fp32 or bf16; or uint8, to be normalised on the device.</param>
/// <param name="Tokens_bL">int64, zero padded.</param>
/// <param name="Ends_b">int64, each caption's end-of-text position.</param>
/// <param name="KeptPatches_bK">int64, the patches of each image that the tower looks at; null for all.</param>
/// <param name="Keys">Names of the samples, for messages.</param>
public sealed record TrainingBatch(
    torch.Tensor Images_b3SS,
    torch.Tensor Tokens_bL,
    torch.Tensor Ends_b,
    torch.Tensor? KeptPatches_bK,
    IReadOnlyList<string> Keys
)
{
    public long Count => Images_b3SS.size(0);

    /// <summary>int64, the images' classes, where they are what is learned.</summary>
    public torch.Tensor? Labels_b { get; init; }

    /// <summary>The loader's batch as tensors over its memory, valid until the batch is disposed of.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="images">How its images travel.</param>
    /// <param name="model">Context length, and the patches that are dropped.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="hasLabels">True if the corpus gives each image a class.</param>
    public static TrainingBatch Of(Batch batch, ImageInput images, ModelOptions model, ulong seed, bool hasLabels) =>
        new(
            images.Wrap(batch.Images, batch.Count),
            TensorMemory.FromBlob(batch.Tokens, [batch.Count, model.Text.Context], int64),
            TensorMemory.FromBlob(batch.EndPositions, [batch.Count], int64),
            PatchDropout.Draw(model.Image, seed, batch.Samples),
            batch.Keys
        )
        {
            Labels_b = hasLabels ? TensorMemory.FromBlob(batch.Labels, [batch.Count], int64) : null,
        };
}
