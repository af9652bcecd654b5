using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// BatchNorm with the batch's own statistics, a ReLU behind it if asked for, and the gradients of both, on a CPU. With x̂ = (x − mean) / σ over
/// the N values of a channel and σ² = variance + ε: y = weight · x̂ + bias, and ∂x = weight / σ · (∂y − Σ∂y / N − x̂ · Σ(∂y·x̂) / N).
/// </summary>
/// <remarks>
/// Each direction passes over memory twice; libtorch's operators do so twice as often, and in fp32 they are exact only for channels that lie
/// behind each other, as convolutions do not leave them. In bf16 a kernel would gain 3% for a small ResNet and cost as much for RN50. The sign
/// of the ReLU's input is computed again in backward, so no mask is kept. Sums are fp64. The result does not depend on the number of threads.
/// </remarks>
public static unsafe class BatchNormKernel
{
    /// <summary>Whether the kernel takes an input bCHW: fp32 on a CPU, and whole vectors.</summary>
    public static bool Takes(Tensor x) =>
        x.device_type == DeviceType.CPU && x.dtype == float32 && x.numel() > 0 && x.numel() % ChannelPasses.Lanes == 0;

    /// <summary>x_bCHW → y_bCHW in fp32, with the channels of a pixel side by side in memory.</summary>
    /// <param name="x_bCHW">An input that the kernel <see cref="Takes"/>.</param>
    /// <param name="weight_C">Gains, fp32.</param>
    /// <param name="bias_C">Offsets, fp32.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="relu">Whether negative outputs become zero.</param>
    /// <returns>The output, and mean and biased variance of each channel in fp32.</returns>
    /// <exception cref="ArgumentException">The input is of another kind, or gains and offsets do not fit it.</exception>
    public static (Tensor Output_bCHW, Tensor Mean_C, Tensor Variance_C) Apply(
        Tensor x_bCHW,
        Tensor weight_C,
        Tensor bias_C,
        double epsilon,
        bool relu
    )
    {
        if (!Takes(x_bCHW))
        {
            throw new ArgumentException($"The BatchNorm kernel does not take {TensorMemory.Describe(x_bCHW)}.", nameof(x_bCHW));
        }

        FlatKernel.CheckFlat(weight_C, nameof(weight_C), [float32], x_bCHW.size(1));
        FlatKernel.CheckFlat(bias_C, nameof(bias_C), [float32], x_bCHW.size(1));
        var x = Convolution.ChannelsLast(x_bCHW);
        var (mean_C, variance_C) = (zeros_like(bias_C).detach(), zeros_like(bias_C).detach());
        var y = Gradients.Record(
            [x, weight_C, bias_C],
            () => Forward(x, new Channels(weight_C, bias_C, mean_C, variance_C, epsilon), relu),
            [x, weight_C, bias_C, mean_C, variance_C],
            (gradient, kept) => Backward(gradient, kept[0], new Channels(kept[1], kept[2], kept[3], kept[4], epsilon), relu)
        );
        return (y, mean_C, variance_C);
    }

    private static Tensor Forward(Tensor x, Channels channels, bool relu)
    {
        var mean = channels.Mean_C.AsSpan<float>();
        var variance = channels.Variance_C.AsSpan<float>();
        var count = x.numel() / mean.Length;
        // Differences from a value of the channel instead of zero, whose squares do not lose a small variance beside a large mean.
        var origin = new ReadOnlySpan<float>((void*)x.DataPointer(), mean.Length).ToArray();
        var (sums, squares) = ChannelPasses.Moments(x, origin);
        for (var c = 0; c < mean.Length; c++)
        {
            var difference = sums[c] / count;
            mean[c] = (float)(origin[c] + difference);
            variance[c] = (float)Math.Max(0, (squares[c] / count) - (difference * difference));
        }

        var y = empty_like(x);
        ChannelPasses.Normalize(x, y, channels.Mean(), channels.Scale(), channels.Bias(), relu);
        return y;
    }

    private static Tensor[] Backward(Tensor gradient_bCHW, Tensor x, Channels channels, bool relu)
    {
        var gradient = Convolution.ChannelsLast(gradient_bCHW);
        var (mean, scale, bias) = (channels.Mean(), channels.Scale(), channels.Bias());
        var (sums, products) = ChannelPasses.GradientSums(x, gradient, mean, scale, bias, relu);
        var count = x.numel() / mean.Length;
        var (weightGradient_C, biasGradient_C) = (empty_like(channels.Mean_C), empty_like(channels.Mean_C));
        var toWeight = weightGradient_C.AsSpan<float>();
        var toBias = biasGradient_C.AsSpan<float>();
        var (constant, slope) = (new float[mean.Length], new float[mean.Length]);
        var inverses = channels.InverseDeviations();
        for (var c = 0; c < mean.Length; c++)
        {
            var inverse = inverses[c];
            toWeight[c] = (float)(products[c] * inverse);
            toBias[c] = (float)sums[c];
            constant[c] = (float)(sums[c] / count);
            slope[c] = (float)(scale[c] * products[c] * inverse * inverse / count);
        }

        var inputGradient = empty_like(x);
        ChannelPasses.InputGradient(x, gradient, inputGradient, relu, mean, scale, bias, constant, slope);
        return [inputGradient, weightGradient_C, biasGradient_C];
    }

    /// <summary>Parameters and statistics of the channels.</summary>
    private sealed record Channels(Tensor Weight_C, Tensor Bias_C, Tensor Mean_C, Tensor Variance_C, double Epsilon)
    {
        public float[] Mean() => Mean_C.AsSpan<float>().ToArray();

        public float[] Bias() => Bias_C.AsSpan<float>().ToArray();

        /// <summary>1 / σ.</summary>
        public double[] InverseDeviations()
        {
            var variance = Variance_C.AsSpan<float>();
            var inverses = new double[variance.Length];
            for (var c = 0; c < inverses.Length; c++)
            {
                inverses[c] = 1 / Math.Sqrt(variance[c] + Epsilon);
            }

            return inverses;
        }

        /// <summary>weight / σ.</summary>
        public float[] Scale()
        {
            var scale = Weight_C.AsSpan<float>().ToArray();
            var inverses = InverseDeviations();
            for (var c = 0; c < scale.Length; c++)
            {
                scale[c] = (float)(scale[c] * inverses[c]);
            }

            return scale;
        }
    }
}
