using System.Collections.Concurrent;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// The ranks of one generation of a run. Every rank must start the same collectives in the same order; a thread of the group executes
/// them sequentially. After a <see cref="DistributedException"/> the group is broken: <see cref="Abandon"/> it and create another one
/// with a new prefix.
/// </summary>
public sealed class ProcessGroup : IDisposable
{
    private readonly BlockingCollection<(Work Work, Action<ICollectives, Tensor[]> Run, Tensor[] Held, nint Mark)> _queue = [];
    private readonly ICollectives _collectives;
    private readonly Thread _thread;
    private readonly TimeSpan _timeout;
    private volatile Exception? _broken;

    internal ProcessGroup(ICollectives collectives, Device device, int rank, int worldSize, TimeSpan timeout)
    {
        (_collectives, Device, Rank, WorldSize, _timeout) = (collectives, device, rank, worldSize, timeout);
        _thread = new Thread(Communicate) { IsBackground = true, Name = collectives.ToString() };
        _thread.Start();
    }

    /// <summary>Device that the tensors must be on.</summary>
    public Device Device { get; }

    public int Rank { get; }

    public int WorldSize { get; }

    /// <summary>Creates a group for CPU tensors. Returns when all ranks have joined.</summary>
    /// <param name="store">Store through which the ranks connect, needed only until then.</param>
    /// <param name="rank">This process's rank.</param>
    /// <param name="worldSize">Number of ranks.</param>
    /// <param name="host">Address of this machine's interface to use.</param>
    /// <param name="timeout">Maximum time to join, and for each collective.</param>
    /// <exception cref="DistributedException">Not all ranks joined in time, or the address is not one of this machine's.</exception>
    public static ProcessGroup Gloo(IStoreBackend store, int rank, int worldSize, string host, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        return new ProcessGroup(new Gloo(store, rank, worldSize, host, timeout), CPU, rank, worldSize, timeout);
    }

    /// <summary>Creates a group for tensors on one GPU per rank. Returns when all ranks have joined.</summary>
    /// <param name="gpu">Number of this rank's GPU on its machine.</param>
    /// <inheritdoc cref="Gloo"/>
    /// <exception cref="DllNotFoundException">The NVIDIA driver or NCCL is missing.</exception>
    public static ProcessGroup Nccl(IStoreBackend store, int rank, int worldSize, int gpu, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        return new ProcessGroup(new Nccl(store, rank, worldSize, gpu, timeout), new Device(DeviceType.CUDA, gpu), rank, worldSize, timeout);
    }

    /// <summary>Sums the ranks' tensors in place.</summary>
    /// <param name="tensor">Tensor of int64, float32 or float64.</param>
    /// <exception cref="ArgumentException">The tensor is not contiguous, or of another type.</exception>
    public Work AllReduce(Tensor tensor)
    {
        CheckContiguous(tensor);
        CheckSummable(tensor);
        return Start(nameof(AllReduce), (collectives, held) => collectives.AllReduce(held[0]), [tensor]);
    }

    /// <summary>Concatenates the ranks' inputs on every rank: rank r's becomes the r-th part of the output.</summary>
    /// <param name="output">Tensor of world_size times the input's elements, of the same type.</param>
    /// <param name="input">This rank's input.</param>
    /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or types do not match.</exception>
    public Work AllGather(Tensor output, Tensor input)
    {
        CheckShare(input, output, nameof(output));
        return Start(nameof(AllGather), (collectives, held) => collectives.AllGather(held[0], held[1]), [output, input]);
    }

    /// <summary>
    /// Sums the ranks' inputs and gives each rank its share: rank r receives the r-th part. The sums are bitwise those of <see
    /// cref="AllReduce"/>.
    /// </summary>
    /// <param name="output">This rank's share.</param>
    /// <param name="input">Tensor of int64, float32 or float64 with world_size times the output's elements, of its type; not modified.
    /// </param>
    /// <remarks>With NCCL and three or more ranks the sums may differ from <see cref="AllReduce"/>, since the order of addition
    /// differs.</remarks>
    /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or types do not match.</exception>
    public Work ReduceScatter(Tensor output, Tensor input)
    {
        CheckShare(output, input, nameof(input));
        CheckSummable(input);
        return Start(nameof(ReduceScatter), (collectives, held) => collectives.ReduceScatter(held[0], held[1]), [output, input]);
    }

    /// <summary>Copies the root's tensor to every rank's.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous.</exception>
    public Work Broadcast(Tensor tensor, int root)
    {
        CheckContiguous(tensor);
        return Start(nameof(Broadcast), (collectives, held) => collectives.Broadcast(held[0], root), [tensor]);
    }

    /// <summary>Leaves the group. Waits for started collectives, each for at most the group's timeout.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _thread.Join();
    }

    /// <summary>
    /// Leaves a broken or hung group without waiting. The group ends in the background: with NCCL at once, with Gloo when the collective
    /// in progress has failed or timed out. Until then the collective may write to its tensors, whose memory the group keeps alive, and
    /// the peers' connections to this rank stay open. Another group may be created at once.
    /// </summary>
    public void Abandon()
    {
        _broken ??= new DistributedException("the group was abandoned");
        _queue.CompleteAdding();
        _collectives.Abandon();
    }

    private Work Start(string collective, Action<ICollectives, Tensor[]> run, ReadOnlySpan<Tensor> tensors)
    {
        ObjectDisposedException.ThrowIf(_queue.IsAddingCompleted, this);
        // The group's own handles keep the memory alive whatever the caller disposes.
        var held = new Tensor[tensors.Length];
        for (var i = 0; i < held.Length; i++)
        {
            held[i] = tensors[i].alias().DetachFromDisposeScope();
        }

        var work = new Work($"{collective} on rank {Rank} of {WorldSize}", _timeout);
        _queue.Add((work, run, held, _collectives.Mark()));
        return work;
    }

    private void Communicate()
    {
        foreach (var (work, run, held, mark) in _queue.GetConsumingEnumerable())
        {
            try
            {
                _collectives.Await(mark);
                if (_broken is null)
                {
                    run(_collectives, held);
                }
            }
            catch (Exception error)
            {
                _broken ??= error;
                // Ends what may still write to the tensors, before their memory is released.
                _collectives.Dispose();
            }

            Array.ForEach(held, tensor => tensor.Dispose());
            work.Complete(_broken);
        }

        _collectives.Dispose();
    }

    private void CheckShare(Tensor share, Tensor whole, string name)
    {
        CheckContiguous(share);
        CheckContiguous(whole);
        if (whole.numel() != WorldSize * share.numel() || whole.dtype != share.dtype)
        {
            throw new ArgumentException(
                $"{TensorMemory.Describe(whole)} is not {WorldSize} times {TensorMemory.Describe(share)}, one share per rank.",
                name
            );
        }
    }

    private static void CheckSummable(Tensor tensor)
    {
        if (tensor.dtype is not (ScalarType.Int64 or ScalarType.Float32 or ScalarType.Float64))
        {
            throw new ArgumentException(
                $"Only int64, float32 and float64 are summed, not {TensorMemory.Describe(tensor)}.",
                nameof(tensor)
            );
        }
    }

    // Collectives access memory linearly from a tensor's first element, ignoring strides.
    private static void CheckContiguous(Tensor tensor)
    {
        if (!tensor.is_contiguous())
        {
            throw new ArgumentException(
                $"A collective needs contiguous tensors, not a strided {TensorMemory.Describe(tensor)}.",
                nameof(tensor)
            );
        }
    }
}

/// <summary>
/// Blocking collectives of a library, called by all ranks in the same order. Tensors are contiguous. Disposing ends unfinished work
/// and may be repeated; marks may be taken and awaited even after that.
/// </summary>
internal interface ICollectives : IDisposable
{
    /// <summary>
    /// Marks the pending computation of a collective's tensors. Called on the computing thread before the collective is queued.
    /// </summary>
    nint Mark();

    /// <summary>Waits for a collective's mark. Called on the communicating thread before the collective.</summary>
    void Await(nint mark);

    /// <summary>Sums in place.</summary>
    void AllReduce(Tensor tensor);

    /// <summary>Copies rank r's input to the r-th of world_size equal parts of the output.</summary>
    void AllGather(Tensor output, Tensor input);

    /// <summary>Sums the inputs and returns this rank's of world_size equal parts.</summary>
    void ReduceScatter(Tensor output, Tensor input);

    void Broadcast(Tensor tensor, int root);

    /// <summary>Makes a call in progress on another thread throw, if the library can.</summary>
    void Abandon();
}

/// <summary>
/// A key-value store through which the ranks of a group find each other, shared by all ranks. Its exceptions reach the creator of the
/// group as the text of a <see cref="DistributedException"/>.
/// </summary>
public interface IStoreBackend
{
    /// <summary>Writes a value. The implementation must copy the span.</summary>
    void Set(string key, ReadOnlySpan<byte> value);

    /// <summary>Waits for a key and returns its value.</summary>
    /// <exception cref="TimeoutException">The key does not exist in time.</exception>
    byte[] Get(string key, TimeSpan timeout);
}

/// <summary>A store that prefixes all keys, for one of several groups over the same store.</summary>
public sealed class PrefixStore(string prefix, IStoreBackend store) : IStoreBackend
{
    public void Set(string key, ReadOnlySpan<byte> value) => store.Set($"{prefix}/{key}", value);

    public byte[] Get(string key, TimeSpan timeout) => store.Get($"{prefix}/{key}", timeout);
}
