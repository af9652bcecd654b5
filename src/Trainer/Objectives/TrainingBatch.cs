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

    /// <summary>The loader's batch as tensors, valid until the batch is disposed of.</summary>
    public static TrainingBatch Of(Batch batch, RunOptions options)
    {
        var (image, text) = (options.Model.Image, options.Model.Text);
        return new TrainingBatch(
            ImageInput.Wrap(batch.Images, batch.Count, options),
            TensorMemory.FromBlob(batch.Tokens, [batch.Count, text.Context], int64),
            TensorMemory.FromBlob(batch.EndPositions, [batch.Count], int64),
            PatchDropout.Draw(image, options.Seed, batch.Samples),
            batch.Keys
        )
        {
            Labels_b = options.Data.LabelColumn is null ? null : TensorMemory.FromBlob(batch.Labels, [batch.Count], int64),
        };
    }
}
