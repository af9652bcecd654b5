using System.Diagnostics;
using System.Globalization;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>The device to check, and its properties.</summary>
/// <param name="Device">The device to compare with the CPU; the CPU itself to try out the checks.</param>
/// <param name="Python">A Python with PyTorch, for the comparison.</param>
/// <param name="Limit">Time for all checks.</param>
internal sealed record Machine(torch.Device Device, string Python, TimeSpan Limit)
{
    private readonly long _started = Stopwatch.GetTimestamp();

    // Dense bf16 TFLOP/s from NVIDIA's data sheets.
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

    /// <summary>Name of the GPU from nvidia-smi; null if that is not installed.</summary>
    public string? Name { get; } =
        Ask(TimeSpan.FromSeconds(30), "nvidia-smi", "--query-gpu=name", "--format=csv,noheader").Output?.Split('\n')[0].Trim();

    public TimeSpan Spent => Stopwatch.GetElapsedTime(_started);

    /// <summary>What is left of the limit; not negative.</summary>
    public TimeSpan Left => Spent < Limit ? Limit - Spent : TimeSpan.Zero;

    /// <summary>Peak bf16 operations per second; null if unknown.</summary>
    public double? Peak =>
        IsGpu
        && Name is { } name
        && s_peaks.FirstOrDefault(known => name.Contains(known.Name, StringComparison.Ordinal)) is { Peak: > 0 } found
            ? found.Peak * 1e12
            : null;

    /// <summary>Waits for the device to finish its work.</summary>
    public void Finish()
    {
        if (IsGpu)
        {
            cuda.synchronize(Device);
        }
    }

    /// <summary>Wall seconds of a piece of work, including the device's: median of several repeats after a warm-up.</summary>
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
            {
                seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            }
        }

        return seconds.Order().ElementAt(times / 2);
    }

    /// <summary>Bytes in use on the GPU, or by this process on a CPU.</summary>
    public long UsedBytes()
    {
        if (
            IsGpu
            && Ask(Left, "nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", $"--id={Math.Max(0, Device.index)}")
                is { Output: { } used }
        )
        {
            return long.Parse(used.Split('\n')[0], CultureInfo.InvariantCulture) << 20;
        }

        return Environment.WorkingSet;
    }

    /// <summary>Runs a program, and ends it at the limit.</summary>
    public static Answer Ask(TimeSpan limit, string program, params string[] arguments)
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
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            if (!process.WaitForExit(limit))
            {
                process.Kill(entireProcessTree: true);
                return new Answer(null, "out of time");
            }

            return process.ExitCode == 0
                ? new Answer(output.Result, null)
                : new Answer(
                    null,
                    errors.Result.TrimEnd().Split('\n')[^1] is { Length: > 0 } last ? last : $"exit code {process.ExitCode}"
                );
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return new Answer(null, error.Message);
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

/// <summary>What a program printed, or why it has no result.</summary>
internal sealed record Answer(string? Output, string? Problem);
