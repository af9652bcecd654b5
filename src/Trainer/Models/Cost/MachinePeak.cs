using System.Diagnostics;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Rates of matrix products that a run can compare itself with.</summary>
/// <param name="Peak">Floating-point operations a second in the run's own precision.</param>
/// <param name="Bf16Speedup">The rate in bf16 as a multiple of that in fp32; null unless the run computes in fp32.</param>
public readonly record struct MachineRates(double Peak, double? Bf16Speedup)
{
    /// <summary>Measures the rates with the current number of threads.</summary>
    public static MachineRates Of(Precision precision, torch.Device device)
    {
        var peak = MachinePeak.Of(precision, device);
        return new(peak, precision == Precision.Fp32 ? Math.Round(MachinePeak.Of(Precision.Bf16, device) / peak, 2) : null);
    }
}

/// <summary>Peak of a device in practice: the best rate of several products of large square matrices.</summary>
public static class MachinePeak
{
    /// <summary>Seed of the matrix. The generator is its own, so that no other random number changes.</summary>
    private const long Seed = 1;

    private const int Repeats = 4;

    /// <summary>Sizes to try, from the least by fours: a fast device would spend a small product's time on starting it.</summary>
    private const int LeastSize = 256,
        MostSize = 4096;

    /// <summary>A product that takes this long is large enough.</summary>
    private static readonly TimeSpan s_enough = TimeSpan.FromMilliseconds(2);

    /// <summary>Floating-point operations a second with the current number of threads. Takes some 50 ms.</summary>
    /// <param name="precision">Type of the matrices.</param>
    /// <param name="device">The device.</param>
    public static double Of(Precision precision, torch.Device device)
    {
        using var guard = no_grad();
        var type = precision switch
        {
            Precision.Fp32 => float32,
            Precision.Fp16 => float16,
            _ => bfloat16,
        };
        var size = LeastSize;
        var seconds = Seconds(size, type, device);
        while (seconds < s_enough.TotalSeconds && size < MostSize)
        {
            size *= 4;
            seconds = Seconds(size, type, device);
        }

        return 2.0 * size * size * size / seconds;
    }

    /// <summary>Shortest time of several products.</summary>
    private static double Seconds(int size, ScalarType type, torch.Device device)
    {
        using var scope = NewDisposeScope();
        using var generator = new torch.Generator();
        generator.manual_seed(Seed);
        var matrix = rand([size, size], float32, generator: generator).to(type).to(device);
        var best = double.PositiveInfinity;
        for (var i = 0; i < Repeats; i++)
        {
            using var product = NewDisposeScope();
            var began = Stopwatch.GetTimestamp();
            _ = matrix.MatMul(matrix);
            if (device.type == DeviceType.CUDA)
            {
                cuda.synchronize(device);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }
}
