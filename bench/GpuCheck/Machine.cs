using System.Diagnostics;
using System.Globalization;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>What is checked, and what is known of it.</summary>
/// <param name="Device">The device that is compared with the CPU; the CPU itself, to try the checks.</param>
/// <param name="Python">A Python with PyTorch, for the peers.</param>
internal sealed record Machine(torch.Device Device, string Python)
{
    // Dense bf16 products, 10¹² a second, from NVIDIA's data sheets.
    private static readonly (string Name, double Peak)[] s_peaks =
    [
        ("H200", 989),
        ("H100 PCIe", 756),
        ("H100", 989),
        ("A100", 312),
        ("L40S", 362),
        ("L4", 121),
        ("A10", 125),
        ("RTX 4090", 165),
        ("RTX 3090", 71),
    ];

    public bool IsGpu => Device.type == DeviceType.CUDA;

    public int Gpus => IsGpu ? cuda.device_count() : 0;

    /// <summary>The GPU's name, as nvidia-smi gives it; null where that is not there.</summary>
    public string? Name { get; } = Ask("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")?.Split('\n')[0].Trim();

    /// <summary>Operations a second of which it is capable in bf16; null where unknown.</summary>
    public double? Peak =>
        IsGpu
        && Name is { } name
        && s_peaks.FirstOrDefault(known => name.Contains(known.Name, StringComparison.Ordinal)) is { Peak: > 0 } found
            ? found.Peak * 1e12
            : null;

    /// <summary>Returns when the device has done what it was given.</summary>
    public void Finish()
    {
        if (IsGpu)
            cuda.synchronize(Device);
    }

    /// <summary>Wall seconds of a piece of work, the device's included: the median of a few after one that warms up.</summary>
    public double Seconds(Action work, int times = 5)
    {
        var seconds = new List<double>();
        for (var i = 0; i <= times; i++)
        {
            Finish();
            var started = Stopwatch.GetTimestamp();
            work();
            Finish();
            if (i > 0)
                seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return seconds.Order().ElementAt(times / 2);
    }

    /// <summary>Bytes that are in use: of the GPU, or of this process.</summary>
    public long UsedBytes()
    {
        if (
            IsGpu
            && Ask("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", $"--id={Math.Max(0, Device.index)}")
                is { } used
        )
            return long.Parse(used.Split('\n')[0], CultureInfo.InvariantCulture) << 20;
        return Environment.WorkingSet;
    }

    /// <summary>What a program prints; null where it is not there or fails.</summary>
    public static string? Ask(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    UseShellExecute = false,
                }
            )!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double Difference(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (a.detach().to(CPU).to(float64), b.detach().to(CPU).to(float64));
        return (x - y).norm().item<double>() / Math.Max(y.norm().item<double>(), double.Epsilon);
    }
}
