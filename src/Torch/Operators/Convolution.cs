using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Two-dimensional convolutions without bias.</summary>
public static class Convolution
{
    /// <summary>Channels of an image, whose own gradient nobody asks for.</summary>
    private const long Colours = 3;

    // What oneDNN's blocks hold.
    private const long InputBlock = 32,
        OutputBlock = 16;

    /// <summary>x_bCHW, weight_DCKK → bDHW, padded so that a stride of 1 keeps the map's size.</summary>
    /// <remarks>
    /// On processors with AVX-512, the oneDNN 3.7 inside libtorch 2.10 gives wrong gradients of the input of a 3×3 convolution
    /// whose channels do not fill its blocks: a tenth off, or NaN from memory that was never written. Channels of zeros fill
    /// them. CLIP's RN50 and RN101 have no such convolution.
    /// </remarks>
    public static Tensor Apply(Tensor x, Tensor weight, long stride = 1)
    {
        var (outputs, inputs, side) = (weight.size(0), weight.size(1), weight.size(2));
        var (moreOutputs, moreInputs) = (Missing(outputs, OutputBlock), Missing(inputs, InputBlock));
        long[] strides = [stride, stride],
            padding = [side / 2, side / 2];
        if (side == 1 || inputs == Colours || (moreOutputs == 0 && moreInputs == 0) || x.device_type != DeviceType.CPU)
            return nn.functional.conv2d(x, weight, strides: strides, padding: padding);
        var filled = nn.functional.pad(weight, [0, 0, 0, 0, 0, moreInputs, 0, moreOutputs]);
        var y = nn.functional.conv2d(nn.functional.pad(x, [0, 0, 0, 0, 0, moreInputs]), filled, strides: strides, padding: padding);
        // Contiguous, as what follows rounds otherwise for a slice when it is recorded.
        return y.narrow(1, 0, outputs).contiguous();
    }

    private static long Missing(long channels, long block) => (block - (channels % block)) % block;
}
