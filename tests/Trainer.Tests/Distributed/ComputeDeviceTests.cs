using System.Runtime.InteropServices;
using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Trainer.Tests.Distributed;

public sealed class ComputeDeviceTests
{
    [Fact]
    public void The_cpu_is_always_available() => Assert.Equal(DeviceType.CPU, ComputeDevice.Open("cpu").type);

    [Theory]
    [InlineData("cuda:7000", "cuda:7000")]
    [InlineData("gpu", "Use cpu, cuda or cuda:N")]
    [InlineData("cuda:-1", "Use cpu, cuda or cuda:N")]
    [InlineData("cuda:", "Use cpu, cuda or cuda:N")]
    public void A_missing_device_is_named(string name, string told) => AssertRefused(() => ComputeDevice.Open(name), told);

    [Theory]
    [InlineData("cuda", false, 0, "'cuda' needs a CUDA build of libtorch, but the one in /torch is for CPUs only. Set LIBTORCH")]
    [InlineData("cuda", true, 0, "'cuda' needs an NVIDIA GPU and its driver, but libtorch finds none: `nvidia-smi` must list it")]
    [InlineData("cuda:1", true, 1, "There is no 'cuda:1': libtorch sees 1 GPU on this machine, numbered from 0.")]
    [InlineData("cuda:5", true, 4, "There is no 'cuda:5': libtorch sees 4 GPUs on this machine, numbered from 0.")]
    public void A_GPU_that_is_not_there_is_refused_with_the_reason(string name, bool hasCuda, int count, string told) =>
        AssertRefused(() => ComputeDevice.Open(name, () => new GpuSupport("/torch", hasCuda, count)), told);

    [Theory]
    [InlineData("cuda", 1, 0)]
    [InlineData("cuda:3", 4, 3)]
    public void A_GPU_that_is_there_is_opened(string name, int count, int index)
    {
        var device = ComputeDevice.Open(name, () => new GpuSupport("/torch", HasCuda: true, count));
        Assert.Equal((DeviceType.CUDA, index), (device.type, device.index));
    }

    [Fact]
    public void A_GPU_that_is_too_small_is_told_with_what_to_change()
    {
        var error = new ExternalException(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.93 GiB.\nframe #0"
        );
        Assert.True(DeviceMemoryException.IsCauseOf(error));
        var told = new DeviceMemoryException("cuda:0", error).Message;
        Assert.Contains("more memory than cuda:0 has: CUDA out of memory. Tried to allocate 2.00 GiB", told, StringComparison.Ordinal);
        Assert.Contains("halve training.micro_batch", told, StringComparison.Ordinal);
        Assert.DoesNotContain("frame #0", told, StringComparison.Ordinal);
        Assert.True(
            DeviceMemoryException.IsCauseOf(
                new ExternalException("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
            )
        );
        Assert.False(DeviceMemoryException.IsCauseOf(new ExternalException("mat1 and mat2 shapes cannot be multiplied")));
    }

    private static void AssertRefused(Action open, string told) =>
        Assert.Contains(told, Assert.Throws<DllNotFoundException>(open).Message, StringComparison.Ordinal);
}
