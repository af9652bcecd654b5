using ClipTrain.Torch.Operators;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// A CUDA stream for communication, beside the computing ones. It uses the driver API, whose library has the same name in every version
/// of CUDA. The stream can wait for a mark on another stream, and the host for the stream.
/// </summary>
internal sealed unsafe class CudaStream : IDisposable
{
    private const uint NonBlocking = 1,
        NoTiming = 2;
    private const int NotReady = 600;

    private readonly TimeSpan _timeout;
    private readonly nint _context;

    /// <param name="device">Number of the GPU.</param>
    /// <param name="timeout">Maximum time for the host to wait for the stream.</param>
    /// <exception cref="DllNotFoundException">There is no NVIDIA driver.</exception>
    /// <exception cref="GpuException">The driver refuses.</exception>
    public CudaStream(int device, TimeSpan timeout)
    {
        (Device, _timeout) = (device, timeout);
        Check(CudaDriver.cuInit(0));
        nint context,
            stream;
        Check(CudaDriver.cuDevicePrimaryCtxRetain(&context, device));
        _context = context;
        Check(CudaDriver.cuCtxSetCurrent(context));
        Check(CudaDriver.cuStreamCreate(&stream, NonBlocking));
        Handle = stream;
    }

    public int Device { get; }

    public nint Handle { get; private set; }

    /// <summary>Marks the current end of the calling thread's computing stream.</summary>
    public nint Mark()
    {
        nint computing,
            mark;
        // autograd's threads may not have used the driver yet.
        Check(CudaDriver.cuCtxSetCurrent(_context));
        Dispatcher.Check(LibTorch.aoti_torch_get_current_cuda_stream(Device, &computing), "the current CUDA stream");
        Check(CudaDriver.cuEventCreate(&mark, NoTiming));
        Check(CudaDriver.cuEventRecord(mark, computing));
        return mark;
    }

    /// <summary>
    /// Makes further work on this stream, if it is not disposed, wait for a mark, which is consumed. Makes the GPU current on the calling
    /// thread.
    /// </summary>
    public void Await(nint mark)
    {
        Check(CudaDriver.cuCtxSetCurrent(_context));
        var result = Handle == 0 ? 0 : CudaDriver.cuStreamWaitEvent(Handle, mark, 0);
        Check(CudaDriver.cuEventDestroy(mark));
        Check(result);
    }

    /// <summary>Waits until the stream has finished all work.</summary>
    /// <param name="check">Throws if the work has failed.</param>
    /// <exception cref="DistributedException">The timeout passed.</exception>
    public void Finish(Action check)
    {
        var wait = new PollingWait();
        for (int state; (state = CudaDriver.cuStreamQuery(Handle)) != 0; wait.Pause())
        {
            if (state != NotReady)
            {
                Check(state);
            }

            check();
            if (wait.Elapsed > _timeout)
            {
                throw new DistributedException($"a collective on GPU {Device} took longer than {_timeout.TotalSeconds:0.###} s");
            }
        }
    }

    /// <summary>Waits until the stream has finished or failed, for at most some time.</summary>
    public void Settle(TimeSpan most)
    {
        var wait = new PollingWait();
        while (Handle != 0 && CudaDriver.cuStreamQuery(Handle) == NotReady && wait.Elapsed < most)
        {
            wait.Pause();
        }
    }

    public void Dispose()
    {
        if (Handle != 0)
        {
            _ = CudaDriver.cuStreamDestroy(Handle);
            _ = CudaDriver.cuDevicePrimaryCtxRelease(Device);
        }

        Handle = 0;
    }

    private void Check(int result)
    {
        if (result != 0)
        {
            throw new GpuException(Device, result);
        }
    }
}

/// <summary>A GPU has failed. No call of this process can use it any more, so the process must end.</summary>
public sealed class GpuException(int device, int error) : Exception($"GPU {device} has failed: error {error} of NVIDIA's driver.");
