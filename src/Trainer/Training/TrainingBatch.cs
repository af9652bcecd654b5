using ClipTrain.Torch;

namespace ClipTrain.Trainer.Training;

/// <summary>This rank's share of a global batch as tensors. Shapes: b pairs (may be 0), S image side, L context.</summary>
/// <param name="Images_b3SS">fp32, normalised.</param>
/// <param name="Tokens_bL">int64, zero padded.</param>
/// <param name="Ends_b">int64, each caption's end-of-text position.</param>
/// <param name="LongestEnd">The largest end-of-text position.</param>
/// <param name="Keys">Names of the samples, for messages.</param>
public sealed record TrainingBatch(torch.Tensor Images_b3SS, torch.Tensor Tokens_bL, torch.Tensor Ends_b, long LongestEnd, IReadOnlyList<string> Keys)
{
    public long Count => Images_b3SS.size(0);
}
