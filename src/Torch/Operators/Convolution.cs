using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Two-dimensional convolutions without bias.</summary>
public static class Convolution
{
    /// <summary>Convolves x_bCHW with weight_DCKK to y_bDHW, padded so that a stride of 1 keeps the size.</summary>
    /// <remarks>
    /// On a CPU with the channels of a pixel side by side in memory. This order is the fastest, and the only right one: with whole
    /// channels behind each other, oneDNN 3.7 in libtorch 2.10 computes wrong outputs and input gradients on processors with AVX-512
    /// when the channels do not fill its blocks, off by a tenth or more, or NaN from uninitialized memory.
    /// </remarks>
    public static Tensor Apply(Tensor x, Tensor weight, long stride = 1)
    {
        if (x.device_type == DeviceType.CPU)
        {
            (x, weight) = (ChannelsLast(x), ChannelsLast(weight));
        }

        return Apply(x, weight, stride, padding: weight.size(2) / 2);
    }

    /// <summary>A Vision Transformer's patches: the kernel as wide as a patch, and no padding.</summary>
    public static Tensor OfPatches(Tensor x_b3SS, Tensor weight_W3PP, long stride) => Apply(x_b3SS, weight_W3PP, stride, padding: 0);

    private static Tensor Apply(Tensor x, Tensor weight, long stride, long padding) =>
        HalfTypes.Multiply(
            x,
            weight,
            (x, weight) => nn.functional.conv2d(x, weight, strides: [stride, stride], padding: [padding, padding])
        );

    /// <summary>The same values in another order in memory; no copy if they have it already.</summary>
    internal static Tensor ChannelsLast(Tensor x_bCHW) => x_bCHW.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
}
