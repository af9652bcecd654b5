using System.Globalization;
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
