using System.Globalization;
using System.Runtime.InteropServices;
using ClipTrain.Torch.Loading;
using TorchSharp;

namespace ClipTrain.Trainer.Distributed;

/// <summary>Opens the devices that options and commands name: cpu, cuda or cuda:N.</summary>
public static class ComputeDevice
{
    private const string Gpu = "cuda";

    /// <exception cref="DllNotFoundException">The machine has no such device; the message says what to do.</exception>
    public static torch.Device Open(string name) => Open(name, GpuSupport.Detect);

    /// <inheritdoc cref="Open(string)"/>
    internal static torch.Device Open(string name, Func<GpuSupport> detect)
    {
        if (string.Equals(name, "cpu", StringComparison.Ordinal))
        {
            return torch.CPU;
        }

        if (!TryIndex(name, out var index))
        {
            throw new DllNotFoundException($"'{name}' is not a device. Use cpu, cuda or cuda:N.");
        }

        var support = detect();
        if (!support.HasCuda)
        {
            throw new DllNotFoundException(
                $"'{name}' needs a CUDA build of libtorch, but the one in {support.Folder} is for CPUs only. Set LIBTORCH, build with "
                    + "CLIPTRAIN_DEVICE=cuda, or compute on the CPU (cluster.device: cpu)."
            );
        }

        if (support.Count == 0)
        {
            throw new DllNotFoundException(
                $"'{name}' needs an NVIDIA GPU and its driver, but libtorch finds none: `nvidia-smi` must list it, and "
                    + "CUDA_VISIBLE_DEVICES must not hide it. Or compute on the CPU (cluster.device: cpu)."
            );
        }

        return index < support.Count
            ? new torch.Device(DeviceType.CUDA, index)
            : throw new DllNotFoundException(
                $"There is no '{name}': libtorch sees {support.Count} GPU{(support.Count == 1 ? "" : "s")} on this machine, numbered from 0. Start "
                    + "at most that many workers here."
            );
    }

    /// <summary>Number of the GPU that a name stands for; 0 for cuda.</summary>
    public static int Index(string name) => TryIndex(name, out var index) ? index : 0;

    private static bool TryIndex(string name, out int index)
    {
        index = 0;
        return string.Equals(name, Gpu, StringComparison.Ordinal)
            || (
                name.StartsWith($"{Gpu}:", StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(Gpu.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out index)
            );
    }
}

/// <summary>What libtorch and the machine have for GPUs.</summary>
/// <param name="Folder">Folder of libtorch.</param>
/// <param name="HasCuda">True if it is a build for CUDA.</param>
/// <param name="Count">Number of GPUs that libtorch sees.</param>
internal sealed record GpuSupport(string Folder, bool HasCuda, int Count)
{
    public static GpuSupport Detect()
    {
        var folder = NativeTorch.Load().Folder;
        var hasCuda = File.Exists(Path.Combine(folder, "libtorch_cuda.so"));
        return new GpuSupport(folder, hasCuda, hasCuda && torch.cuda.is_available() ? torch.cuda.device_count() : 0);
    }
}

/// <summary>A step ran out of device memory.</summary>
public sealed class DeviceMemoryException(string device, Exception innerException)
    : Exception(
        $"A step needs more memory than {device} has: {innerException.Message.Split('\n')[0]} Set or halve training.micro_batch, "
            + "set training.activation_checkpointing: block or training.shard_optimizer: true, or keep moments and text weights in "
            + "fewer bytes (training.moments, training.text_weights).",
        innerException
    )
{
    // Wording of libtorch's GPU and CPU allocators, and of NVIDIA's libraries, which allocate for themselves.
    private static readonly string[] s_signs =
    [
        "out of memory",
        "can't allocate memory",
        "STATUS_ALLOC_FAILED",
        "CUBLAS_STATUS_NOT_INITIALIZED",
    ];

    /// <summary>True if an operator failed for lack of memory.</summary>
    public static bool IsCauseOf(Exception error) =>
        error is ExternalException && s_signs.Any(sign => error.Message.Contains(sign, StringComparison.Ordinal));
}
