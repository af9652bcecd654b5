using System.Globalization;
using System.Runtime.InteropServices;
using ClipTrain.Torch.Loading;
using TorchSharp;

namespace ClipTrain.Trainer.Distributed;

/// <summary>The devices that options and commands name: cpu, cuda or cuda:N.</summary>
public static class ComputeDevice
{
    private const string Gpu = "cuda";

    /// <exception cref="DllNotFoundException">There is no such device on this machine; the message says what to do.</exception>
    public static torch.Device Open(string name)
    {
        if (string.Equals(name, "cpu", StringComparison.Ordinal))
            return torch.CPU;
        if (!TryIndex(name, out var index))
            throw new DllNotFoundException($"'{name}' is no device: it can be cpu, cuda or cuda:N.");
        var folder = NativeTorch.Load().Folder;
        if (!File.Exists(Path.Combine(folder, "libtorch_cuda.so")))
            throw new DllNotFoundException(
                $"'{name}' needs a libtorch for CUDA, and that of {folder} is for CPUs alone. Name one by LIBTORCH, build with "
                    + "CLIPTRAIN_DEVICE=cuda, or compute on the CPU (cluster.device: cpu)."
            );
        if (!torch.cuda.is_available())
            throw new DllNotFoundException(
                $"'{name}' needs an NVIDIA GPU and its driver, and libtorch finds none: `nvidia-smi` must list it, and "
                    + "CUDA_VISIBLE_DEVICES must not hide it. Or compute on the CPU (cluster.device: cpu)."
            );
        var count = torch.cuda.device_count();
        return index < count
            ? new torch.Device(DeviceType.CUDA, index)
            : throw new DllNotFoundException(
                $"There is no '{name}': this machine has {count} GPU{(count == 1 ? "" : "s")} that libtorch sees, counted from 0. Start "
                    + "at most that many workers here."
            );
    }

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
