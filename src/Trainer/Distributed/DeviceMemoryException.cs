using System.Runtime.InteropServices;

namespace ClipTrain.Trainer.Distributed;

/// <summary>A step needed more memory than its device has.</summary>
public sealed class DeviceMemoryException(string device, Exception innerException)
    : Exception(
        $"A step needs more memory than {device} has: {innerException.Message.Split('\n')[0]} Set training.micro_batch, or halve it, "
            + "set training.activation_checkpointing: block or training.shard_optimizer: true, or keep moments and text weights in "
            + "fewer bytes (training.moments, training.text_weights).",
        innerException
    )
{
    // As libtorch's allocators for GPUs and for CPUs put it.
    private static readonly string[] s_signs = ["out of memory", "can't allocate memory"];

    /// <summary>Whether an operator failed for want of memory.</summary>
    public static bool IsCauseOf(Exception error) =>
        error is ExternalException && s_signs.Any(sign => error.Message.Contains(sign, StringComparison.Ordinal));
}
