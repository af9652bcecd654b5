using System.Collections.Concurrent;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// The ranks of one generation of a run. Every rank must start the same collectives in the same order; a thread of the group
/// carries them out, one after the other. After a <see cref="DistributedException"/> the group is broken: <see cref="Abandon"/>
/// it and make another over a new prefix.
/// </summary>
public sealed class ProcessGroup : IDisposable
{
    private readonly BlockingCollection<(Work Work, Action<ICollectives, Tensor[]> Run, Tensor[] Held, nint Mark)> _queue = [];
    private readonly ICollectives _collectives;
    private readonly Thread _thread;
    private readonly TimeSpan _timeout;
    private volatile Exception? _broken;

    private ProcessGroup(ICollectives collectives, Device device, int rank, int worldSize, TimeSpan timeout)
    {
        (_collectives, Device, Rank, WorldSize, _timeout) = (collectives, device, rank, worldSize, timeout);
        _thread = new Thread(Communicate) { IsBackground = true, Name = collectives.ToString() };
        _thread.Start();
    }

    /// <summary>Where the tensors must be.</summary>
    public Device Device { get; }

    public int Rank { get; }

    public int WorldSize { get; }

    /// <summary>A group for CPU tensors. Returns when all ranks have joined.</summary>
    /// <param name="store">The keys through which they meet, needed only until then.</param>
    /// <param name="rank">This process's place.</param>
    /// <param name="worldSize">How many there are.</param>
    /// <param name="host">The address of this machine's interface to use.</param>
    /// <param name="timeout">How long joining, and any one collective, may take.</param>
    /// <exception cref="DistributedException">Not all ranks joined in time, or the address is not this machine's.</exception>
    public static ProcessGroup Gloo(IStoreBackend store, int rank, int worldSize, string host, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        return new ProcessGroup(new Gloo(store, rank, worldSize, host, timeout), CPU, rank, worldSize, timeout);
    }

    /// <summary>A group for tensors on one GPU a rank. Returns when all ranks have joined.</summary>
    /// <param name="gpu">Number of this rank's GPU on its machine.</param>
    /// <inheritdoc cref="Gloo"/>
    /// <exception cref="DllNotFoundException">There is no NVIDIA driver, or no NCCL.</exception>
    public static ProcessGroup Nccl(IStoreBackend store, int rank, int worldSize, int gpu, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        return new ProcessGroup(new Nccl(store, rank, worldSize, gpu, timeout), new Device(DeviceType.CUDA, gpu), rank, worldSize, timeout);
    }

    /// <summary>
    /// Sums the ranks' tensors, in place on each. bfloat16 and float16 are added in float32, so that the sum is rounded once.
    /// </summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous.</exception>
    public Work AllReduce(Tensor tensor)
    {
        CheckContiguous(tensor);
        var wide = Widened(tensor);
        return Start(
            nameof(AllReduce),
            (collectives, held) => collectives.AllReduce(held[0]),
            [wide ?? tensor],
            wide is null ? null : () => CopyAndDispose(tensor, wide)
        );
    }

    /// <summary>Joins the ranks' inputs on every rank: rank r's becomes the r-th part of the output.</summary>
    /// <param name="output">world_size times the input's elements, of its type.</param>
    /// <param name="input">This rank's.</param>
    /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or types do not fit together.</exception>
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
    /// <param name="input">world_size times the output's elements, of its type; not changed.</param>
    /// <remarks>With NCCL the sums are not bitwise those of <see cref="AllReduce"/> where three ranks or more are added in another
    /// order.</remarks>
    /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or types do not fit together.</exception>
    public Work ReduceScatter(Tensor output, Tensor input)
    {
        CheckShare(output, input, nameof(input));
        using var guard = no_grad();
        var copy = (Widened(input) ?? input.clone()).DetachFromDisposeScope();
        var share = copy.dtype == output.dtype ? output : empty(output.shape, copy.dtype, output.device).DetachFromDisposeScope();
        return Start(
            nameof(ReduceScatter),
            (collectives, held) => collectives.ReduceScatter(held[0], held[1]),
            [share, copy],
            () =>
            {
                copy.Dispose();
                if (!ReferenceEquals(share, output))
                    CopyAndDispose(output, share);
            }
        );
    }

    /// <summary>Copies the root's tensor to every rank's.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous.</exception>
    public Work Broadcast(Tensor tensor, int root)
    {
        CheckContiguous(tensor);
        return Start(nameof(Broadcast), (collectives, held) => collectives.Broadcast(held[0], root), [tensor]);
    }

    /// <summary>Completes when every rank has called it.</summary>
    public Work Barrier() => Start(nameof(Barrier), (collectives, _) => collectives.Barrier(), []);

    /// <summary>Leaves the group. Waits for the collectives that were started, at most the group's time-out each.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _thread.Join();
    }

    /// <summary>
    /// Leaves a broken or hung group without waiting: it ends in the background, when the collective under way has failed or
    /// its time-out has passed. Until then this may still write to its tensors, whose memory the group keeps, and the peers'
    /// connections to this rank stay open. Another group may be made at once.
    /// </summary>
    public void Abandon()
    {
        _broken ??= new DistributedException("the group was abandoned");
        _queue.CompleteAdding();
    }

    private Work Start(string collective, Action<ICollectives, Tensor[]> run, ReadOnlySpan<Tensor> tensors, Action? finish = null)
    {
        ObjectDisposedException.ThrowIf(_queue.IsAddingCompleted, this);
        // Handles of the group's own keep the memory whatever the caller disposes of.
        var held = new Tensor[tensors.Length];
        for (var i = 0; i < held.Length; i++)
            held[i] = tensors[i].alias().DetachFromDisposeScope();
        var work = new Work($"{collective} on rank {Rank} of {WorldSize}", _timeout, finish);
        _queue.Add((work, run, held, _collectives.Mark()));
        return work;
    }

    private void Communicate()
    {
        foreach (var (work, run, held, mark) in _queue.GetConsumingEnumerable())
        {
            try
            {
                if (_broken is null)
                {
                    _collectives.Await(mark);
                    run(_collectives, held);
                }
            }
            catch (Exception error)
            {
                _broken ??= error;
            }

            Array.ForEach(held, tensor => tensor.Dispose());
            work.Complete(_broken);
        }

        _collectives.Dispose();
    }

    private static Tensor? Widened(Tensor tensor)
    {
        if (tensor.dtype is not (ScalarType.BFloat16 or ScalarType.Float16))
            return null;
        using var guard = no_grad();
        return tensor.to(float32).DetachFromDisposeScope();
    }

    private static void CopyAndDispose(Tensor target, Tensor source)
    {
        using var guard = no_grad();
        target.copy_(source);
        source.Dispose();
    }

    private void CheckShare(Tensor share, Tensor whole, string name)
    {
        CheckContiguous(share);
        CheckContiguous(whole);
        if (whole.numel() != WorldSize * share.numel() || whole.dtype != share.dtype)
            throw new ArgumentException(
                $"{TensorMemory.Describe(whole)} is not {WorldSize} times {TensorMemory.Describe(share)}, one share a rank.",
                name
            );
    }

    // Memory is read and written from a tensor's first element on, whatever its strides.
    private static void CheckContiguous(Tensor tensor)
    {
        if (!tensor.is_contiguous())
            throw new ArgumentException(
                $"A collective needs contiguous tensors, not a strided {TensorMemory.Describe(tensor)}.",
                nameof(tensor)
            );
    }
}
