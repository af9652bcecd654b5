using System.Globalization;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>Kinds of device, with c10's numbers.</summary>
public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
}

public static partial class torch
{
    public static readonly Device CPU = new(DeviceType.CPU, -1);

    /// <summary>A device by its name: <c>cpu</c>, <c>cuda</c> (the current one) or <c>cuda:N</c>.</summary>
    /// <exception cref="ArgumentException">The name is none of these.</exception>
    public static Device device(string name)
    {
        if (string.Equals(name, "cpu", StringComparison.Ordinal))
        {
            return CPU;
        }

        if (string.Equals(name, "cuda", StringComparison.Ordinal))
        {
            return new Device(DeviceType.CUDA, -1);
        }

        if (name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index <= 127)
        {
            return new Device(DeviceType.CUDA, index);
        }

        throw new ArgumentException($"'{name}' is no device: use cpu, cuda or cuda:N.", nameof(name));
    }

    /// <summary>A device; index −1 is the current one of its type.</summary>
    public sealed record Device(DeviceType type, int index)
    {
        public override string ToString() =>
            index < 0
                ? type.ToString().ToLowerInvariant()
                : string.Create(CultureInfo.InvariantCulture, $"{type.ToString().ToLowerInvariant()}:{index}");
    }

    /// <summary>CUDA devices; none when this libtorch was built without CUDA.</summary>
    public static class cuda
    {
        public static int device_count() => NativeMethods.ct_cuda_device_count();

        public static bool is_available() => device_count() > 0;

        /// <summary>Makes a device the calling thread's current one.</summary>
        public static void set_device(int index) =>
            NativeError.Check(NativeMethods.ct_cuda_set_device(index), "torch.cuda.set_device");

        /// <summary>Waits until the device has done all it was given.</summary>
        public static void synchronize(int index = -1) =>
            NativeError.Check(NativeMethods.ct_cuda_synchronize(index), "torch.cuda.synchronize");
    }
}
