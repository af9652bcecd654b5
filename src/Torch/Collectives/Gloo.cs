using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>Gloo over TCP, for tensors in host memory: <c>native/gloo.cpp</c>.</summary>
internal sealed unsafe partial class Gloo : ICollectives
{
    private readonly int _rank,
        _worldSize;
    private nint _context;
    private uint _tag;

    /// <summary>Connects to the other ranks through the store.</summary>
    /// <param name="host">Address of this machine's interface to listen on.</param>
    /// <param name="timeout">Maximum time to join, and for each collective.</param>
    /// <exception cref="DistributedException">Not all ranks joined in time, or the address is not one of this machine's.</exception>
    public Gloo(IStoreBackend store, int rank, int worldSize, string host, TimeSpan timeout)
    {
        (_rank, _worldSize) = (rank, worldSize);
        var calls = new StoreCalls
        {
            Set = &Set,
            Get = &Get,
            Take = &Take,
        };
        var keys = GCHandle.Alloc(new Keys(store));
        try
        {
            _context = Native.ct_gloo_open(&calls, GCHandle.ToIntPtr(keys), rank, worldSize, host, (long)timeout.TotalMilliseconds);
        }
        finally
        {
            keys.Free();
        }

        if (_context == 0)
        {
            throw new DistributedException($"Gloo group, rank {rank} of {worldSize}: {ErrorText()}");
        }
    }

    /// <summary>Returns nothing: CPU results are complete when the call returns.</summary>
    public nint Mark() => 0;

    public void Await(nint mark) { }

    public void AllReduce(Tensor tensor) =>
        Check(Native.ct_gloo_all_reduce(_context, tensor.DataPointer(), tensor.numel(), (int)tensor.dtype, ++_tag));

    public void AllGather(Tensor output, Tensor input) =>
        Check(Native.ct_gloo_all_gather(_context, input.DataPointer(), output.DataPointer(), input.ByteCount(), ++_tag));

    /// <summary>Reduces the whole input, so the sums equal those of <see cref="AllReduce"/> bit for bit.</summary>
    public void ReduceScatter(Tensor output, Tensor input)
    {
        using var sums = input.clone();
        AllReduce(sums);
        var bytes = output.ByteCount();
        Buffer.MemoryCopy((byte*)sums.DataPointer() + (_rank * bytes), (void*)output.DataPointer(), bytes, bytes);
    }

    public void Broadcast(Tensor tensor, int root) =>
        Check(Native.ct_gloo_broadcast(_context, tensor.DataPointer(), tensor.ByteCount(), root, ++_tag));

    /// <summary>Does nothing: only a failure or the timeout ends a call of Gloo.</summary>
    public void Abandon() { }

    public void Dispose()
    {
        if (_context != 0)
        {
            Native.ct_gloo_close(_context);
        }

        _context = 0;
    }

    public override string ToString() => $"Gloo, rank {_rank} of {_worldSize}";

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new DistributedException(ErrorText());
        }
    }

    private static string ErrorText() => Marshal.PtrToStringUTF8((nint)Native.ct_gloo_error()) ?? "unknown error";

    [UnmanagedCallersOnly]
    private static int Set(nint self, byte* key, byte* data, long length) =>
        Call(
            self,
            keys =>
            {
                keys.Store.Set(Text(key), new ReadOnlySpan<byte>(data, (int)length));
                return 0;
            }
        );

    [UnmanagedCallersOnly]
    private static long Get(nint self, byte* key, long timeoutMs) =>
        Call(self, keys => (keys.Value = keys.Store.Get(Text(key), TimeSpan.FromMilliseconds(timeoutMs))).Length);

    [UnmanagedCallersOnly]
    private static void Take(nint self, byte* into)
    {
        var value = ((Keys)GCHandle.FromIntPtr(self).Target!).Value;
        value.CopyTo(new Span<byte>(into, value.Length));
    }

    /// <summary>Calls the store. Exceptions must not pass through C++, so only their text does.</summary>
    private static int Call(nint self, Func<Keys, int> call)
    {
        try
        {
            return call((Keys)GCHandle.FromIntPtr(self).Target!);
        }
        catch (Exception error)
        {
            Native.ct_gloo_fail(error.Message);
            return -1;
        }
    }

    private static string Text(byte* utf8) => Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(utf8));

    /// <summary>The store and the value that was last read.</summary>
    private sealed class Keys(IStoreBackend store)
    {
        public IStoreBackend Store => store;

        public byte[] Value { get; set; } = [];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct StoreCalls
    {
        public delegate* unmanaged<nint, byte*, byte*, long, int> Set;
        public delegate* unmanaged<nint, byte*, long, long> Get;
        public delegate* unmanaged<nint, byte*, void> Take;
    }

    private static partial class Native
    {
        private const string Library = Loading.NativeTorch.GlooLibrary;

        [LibraryImport(Library)]
        internal static partial byte* ct_gloo_error();

        [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial void ct_gloo_fail(string message);

        [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial nint ct_gloo_open(StoreCalls* calls, nint self, int rank, int size, string host, long timeoutMs);

        [LibraryImport(Library)]
        internal static partial void ct_gloo_close(nint context);

        [LibraryImport(Library)]
        internal static partial int ct_gloo_all_reduce(nint context, nint data, long n, int type, uint tag);

        [LibraryImport(Library)]
        internal static partial int ct_gloo_all_gather(nint context, nint input, nint output, long bytes, uint tag);

        [LibraryImport(Library)]
        internal static partial int ct_gloo_broadcast(nint context, nint data, long bytes, int root, uint tag);
    }
}
