using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Which of the 16-bit types libtorch multiplies quickly on this machine's processor.</summary>
/// <remarks>
/// oneDNN needs AVX-512 for bf16, and instructions that few processors have for fp16. Without them libtorch runs plain loops, in bf16 75
/// times slower than fp32. Products are then computed in fp32 and rounded once, as oneDNN does in its registers: the same numbers up
/// to the order of summation.
/// </remarks>
public static class HalfTypes
{
    private static readonly Lazy<bool> s_bf16 = new(() => Dispatcher.Ask("mkldnn::_is_mkldnn_bf16_supported\0"u8)),
        s_fp16 = new(() => Dispatcher.Ask("mkldnn::_is_mkldnn_fp16_supported\0"u8));

    /// <summary>True if products of this type are computed in fp32 and rounded on a CPU.</summary>
    public static bool AreWidened(ScalarType type) =>
        type switch
        {
            ScalarType.BFloat16 => !s_bf16.Value,
            ScalarType.Float16 => !s_fp16.Value,
            _ => false,
        };

    /// <summary>The product of two factors, computed in fp32 and rounded to their type where <see cref="AreWidened"/> says so.</summary>
    internal static Tensor Multiply(Tensor left, Tensor right, Func<Tensor, Tensor, Tensor> product)
    {
        if (left.device_type != DeviceType.CPU || left.dtype != right.dtype || !AreWidened(left.dtype))
        {
            return product(left, right);
        }

        using var wideLeft = left.to(float32);
        using var wideRight = right.to(float32);
        using var wide = product(wideLeft, wideRight);
        return wide.to(left.dtype);
    }
}
