namespace ClipTrain.Torch.Collectives;

/// <summary>Names of GPUs.</summary>
public static unsafe class GpuName
{
    /// <summary>
    /// The name that a GPU, or a part of one, has for every process of its machine, as <c>nvidia-smi -L</c> prints it. Numbers differ:
    /// with CUDA_VISIBLE_DEVICES, or in a job of Slurm, each process counts its own GPUs from 0.
    /// </summary>
    /// <param name="number">The GPU's number in this process.</param>
    /// <returns>Null if there is no such GPU, or no driver.</returns>
    public static string? Of(int number)
    {
        try
        {
            int device;
            Guid uuid;
            return
                CudaDriver.cuInit(0) == 0 && CudaDriver.cuDeviceGet(&device, number) == 0 && CudaDriver.cuDeviceGetUuid(&uuid, device) == 0
                ? $"GPU-{new Guid(new ReadOnlySpan<byte>(&uuid, sizeof(Guid)), bigEndian: true)}"
                : null;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }
}
