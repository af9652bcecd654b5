using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Two-dimensional convolutions without bias.</summary>
public static class Convolution
{
    /// <summary>Channels of an image, whose gradient is never needed.</summary>
    private const long Colours = 3;

    // Block sizes of oneDNN.
    private const long InputBlock = 32,
        OutputBlock = 16;

    /// <summary>Convolves x_bCHW with weight_DCKK to y_bDHW, padded so that a stride of 1 keeps the size.</summary>
    /// <remarks>
    /// On processors with AVX-512, oneDNN 3.7 in libtorch 2.10 computes wrong input gradients of 3×3 convolutions whose channels do not
    /// fill its blocks: off by a tenth, or NaN from uninitialized memory. Zero channels are added to fill them. CLIP's RN50 and RN101
    /// have no such convolutions.
    /// </remarks>
    public static Tensor Apply(Tensor x, Tensor weight, long stride = 1)
    {
        var (outputs, inputs, side) = (weight.size(0), weight.size(1), weight.size(2));
        var (moreOutputs, moreInputs) = (Missing(outputs, OutputBlock), Missing(inputs, InputBlock));
        long[] strides = [stride, stride],
            padding = [side / 2, side / 2];
        if (side == 1 || inputs == Colours || (moreOutputs == 0 && moreInputs == 0) || x.device_type != DeviceType.CPU)
        {
            return nn.functional.conv2d(x, weight, strides: strides, padding: padding);
        }

        var filled = nn.functional.pad(weight, [0, 0, 0, 0, 0, moreInputs, 0, moreOutputs]);
        var y = nn.functional.conv2d(nn.functional.pad(x, [0, 0, 0, 0, 0, moreInputs]), filled, strides: strides, padding: padding);
        // Contiguous, because operators round differently on a slice when recording gradients.
        return y.narrow(1, 0, outputs).contiguous();
    }

    private static long Missing(long channels, long block) => (block - (channels % block)) % block;
}
