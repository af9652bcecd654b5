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
    public static torch.Device Open(string name)
    {
        if (string.Equals(name, "cpu", StringComparison.Ordinal))
        {
            return torch.CPU;
        }

        if (!TryIndex(name, out var index))
        {
            throw new DllNotFoundException($"'{name}' is not a device. Use cpu, cuda or cuda:N.");
        }

        var folder = NativeTorch.Load().Folder;
        if (!File.Exists(Path.Combine(folder, "libtorch_cuda.so")))
        {
            throw new DllNotFoundException(
                $"'{name}' needs a CUDA build of libtorch, but the one in {folder} is for CPUs only. Set LIBTORCH, build with "
                    + "CLIPTRAIN_DEVICE=cuda, or compute on the CPU (cluster.device: cpu)."
            );
        }

        if (!torch.cuda.is_available())
        {
            throw new DllNotFoundException(
                $"'{name}' needs an NVIDIA GPU and its driver, but libtorch finds none: `nvidia-smi` must list it, and "
                    + "CUDA_VISIBLE_DEVICES must not hide it. Or compute on the CPU (cluster.device: cpu)."
            );
        }

        var count = torch.cuda.device_count();
        return index < count
            ? new torch.Device(DeviceType.CUDA, index)
            : throw new DllNotFoundException(
                $"There is no '{name}': libtorch sees {count} GPU{(count == 1 ? "" : "s")} on this machine, numbered from 0. Start "
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

/// <summary>A step ran out of device memory.</summary>
public sealed class DeviceMemoryException(string device, Exception innerException)
    : Exception(
        $"A step needs more memory than {device} has: {innerException.Message.Split('\n')[0]} Set or halve training.micro_batch, "
            + "set training.activation_checkpointing: block or training.shard_optimizer: true, or keep moments and text weights in "
            + "fewer bytes (training.moments, training.text_weights).",
        innerException
    )
{
    // Wording of libtorch's GPU and CPU allocators.
    private static readonly string[] s_signs = ["out of memory", "can't allocate memory"];

    /// <summary>True if an operator failed for lack of memory.</summary>
    public static bool IsCauseOf(Exception error) =>
        error is ExternalException && s_signs.Any(sign => error.Message.Contains(sign, StringComparison.Ordinal));
}
