using System.Diagnostics;
using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>NCCL, for tensors on one GPU per rank. Uses a separate stream.</summary>
internal sealed unsafe partial class Nccl : ICollectives
{
    private const string IdKey = "nccl-id",
        ReadyKey = "nccl-ready";
    private const int Sum = 0,
        Bytes = 1,
        InProgress = 7;
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(5);

    private readonly CudaStream _stream;
    private readonly TimeSpan _timeout;
    private readonly int _rank,
        _worldSize;
    private nint _communicator;
    private volatile bool _isAbandoned;

    /// <summary>Connects to the other ranks: rank 0 creates the group's id and puts it into the store.</summary>
    /// <param name="device">Number of the GPU.</param>
    /// <param name="timeout">Maximum time for all ranks to appear, and for each collective.</param>
    /// <exception cref="DistributedException">Not all ranks appeared in time, or they could not connect.</exception>
    /// <exception cref="DllNotFoundException">NCCL or the NVIDIA driver is missing.</exception>
    public Nccl(IStoreBackend store, int rank, int worldSize, int device, TimeSpan timeout)
    {
        (_rank, _worldSize, _timeout) = (rank, worldSize, timeout);
        Meet(store, timeout);
        _stream = new CudaStream(device, timeout);
        try
        {
            UniqueId id;
            if (rank == 0)
            {
                Check(Native.ncclGetUniqueId(&id));
            }

            Share(store, new Span<byte>(&id, sizeof(UniqueId)), timeout);
            nint communicator;
            Check(Native.ncclCommInitRank(&communicator, worldSize, id, rank));
            _communicator = communicator;
            AwaitCall("connecting");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public nint Mark() => _stream.Mark();

    public void Await(nint mark) => _stream.Await(mark);

    public void AllReduce(Tensor tensor) =>
        Run(
            Native.ncclAllReduce(
                tensor.DataPointer(),
                tensor.DataPointer(),
                tensor.numel(),
                TypeOf(tensor),
                Sum,
                _communicator,
                _stream.Handle
            )
        );

    public void AllGather(Tensor output, Tensor input) =>
        Run(Native.ncclAllGather(input.DataPointer(), output.DataPointer(), input.ByteCount(), Bytes, _communicator, _stream.Handle));

    public void ReduceScatter(Tensor output, Tensor input) =>
        Run(
            Native.ncclReduceScatter(
                input.DataPointer(),
                output.DataPointer(),
                output.numel(),
                TypeOf(output),
                Sum,
                _communicator,
                _stream.Handle
            )
        );

    public void Broadcast(Tensor tensor, int root) =>
        Run(
            Native.ncclBroadcast(tensor.DataPointer(), tensor.DataPointer(), tensor.ByteCount(), Bytes, root, _communicator, _stream.Handle)
        );

    public void Abandon() => _isAbandoned = true;

    public void Dispose()
    {
        if (_communicator != 0)
        {
            _ = Native.ncclCommAbort(_communicator);
            // Its kernels end in the background, and may write until then.
            _stream.Settle(s_settling);
        }

        _communicator = 0;
        _stream.Dispose();
    }

    public override string ToString() => $"NCCL, rank {_rank} of {_worldSize}";

    /// <summary>Waits until every rank has come this far: NCCL would wait for a missing one without limit.</summary>
    private void Meet(IStoreBackend store, TimeSpan timeout)
    {
        var (started, awaited) = (Stopwatch.GetTimestamp(), _rank);
        try
        {
            store.Set($"{ReadyKey}/{_rank}", [1]);
            for (awaited = 0; awaited < _worldSize; awaited++)
            {
                var left = timeout - Stopwatch.GetElapsedTime(started);
                store.Get($"{ReadyKey}/{awaited}", left > TimeSpan.Zero ? left : TimeSpan.Zero);
            }
        }
        catch (Exception error)
        {
            throw new DistributedException($"NCCL group, rank {_rank} of {_worldSize}, waiting for rank {awaited}: {error.Message}", error);
        }
    }

    /// <summary>Copies the group's id from rank 0 to the others.</summary>
    private void Share(IStoreBackend store, Span<byte> id, TimeSpan timeout)
    {
        try
        {
            if (_rank == 0)
            {
                store.Set(IdKey, id);
            }
            else
            {
                store.Get(IdKey, timeout).CopyTo(id);
            }
        }
        catch (Exception error)
        {
            throw new DistributedException($"NCCL group, rank {_rank} of {_worldSize}: {error.Message}", error);
        }
    }

    /// <summary>Waits for a collective on the stream.</summary>
    private void Run(int started)
    {
        Check(started);
        // The first collective of a kind connects to other ranks before it is on the stream.
        AwaitCall("starting a collective");
        _stream.Finish(() =>
        {
            ThrowIfAbandoned();
            int error;
            Check(Native.ncclCommGetAsyncError(_communicator, &error));
            Check(error);
        });
    }

    /// <summary>Waits until NCCL has done what the last call asked for.</summary>
    private void AwaitCall(string what)
    {
        var wait = new PollingWait();
        while (true)
        {
            int state;
            Check(Native.ncclCommGetAsyncError(_communicator, &state));
            Check(state);
            if (state != InProgress)
            {
                return;
            }

            ThrowIfAbandoned();
            if (wait.Elapsed > _timeout)
            {
                throw new DistributedException(
                    $"NCCL group, rank {_rank} of {_worldSize}: {what} took longer than {_timeout.TotalSeconds:0.###} s. Can the machines "
                        + "reach each other on the network interface that NCCL chooses (NCCL_SOCKET_IFNAME)?"
                );
            }

            wait.Pause();
        }
    }

    private void ThrowIfAbandoned()
    {
        if (_isAbandoned)
        {
            throw new DistributedException("the group was abandoned");
        }
    }

    private static void Check(int result)
    {
        if (result is not (0 or InProgress))
        {
            throw new DistributedException($"NCCL: {Marshal.PtrToStringUTF8(Native.ncclGetErrorString(result))}");
        }
    }

    /// <summary>NCCL's code of a summable type.</summary>
    private static int TypeOf(Tensor tensor) =>
        tensor.dtype switch
        {
            ScalarType.Int64 => 4,
            ScalarType.Float32 => 7,
            ScalarType.Float64 => 8,
            var other => throw new ArgumentException($"NCCL does not sum {other} here.", nameof(tensor)),
        };

    private struct UniqueId
    {
        public fixed byte Value[128];
    }

    private static partial class Native
    {
        private const string Library = Loading.NativeTorch.NcclLibrary;

        [LibraryImport(Library)]
        internal static partial int ncclGetUniqueId(UniqueId* id);

        [LibraryImport(Library)]
        internal static partial int ncclCommInitRank(nint* communicator, int ranks, UniqueId id, int rank);

        [LibraryImport(Library)]
        internal static partial int ncclCommAbort(nint communicator);

        [LibraryImport(Library)]
        internal static partial int ncclCommGetAsyncError(nint communicator, int* error);

        [LibraryImport(Library)]
        internal static partial nint ncclGetErrorString(int result);

        [LibraryImport(Library)]
        internal static partial int ncclAllReduce(
            nint send,
            nint receive,
            long count,
            int type,
            int operation,
            nint communicator,
            nint stream
        );

        [LibraryImport(Library)]
        internal static partial int ncclAllGather(nint send, nint receive, long count, int type, nint communicator, nint stream);

        [LibraryImport(Library)]
        internal static partial int ncclReduceScatter(
            nint send,
            nint receive,
            long count,
            int type,
            int operation,
            nint communicator,
            nint stream
        );

        [LibraryImport(Library)]
        internal static partial int ncclBroadcast(nint send, nint receive, long count, int type, int root, nint communicator, nint stream);
    }
}
