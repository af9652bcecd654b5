using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>
        /// The ranks of one generation of a run. Every rank must start the same collectives in the same order. After a
        /// <see cref="DistributedException"/> the group is broken: <see cref="Abandon"/> it and make another over a new prefix.
        /// </summary>
        public sealed unsafe partial class ProcessGroup : IDisposable
        {
            private readonly bool _takesAllTypes;
            private nint _handle;

            private ProcessGroup(nint handle, string backend, int rank, int worldSize, TimeSpan timeout)
            {
                _handle = handle;
                this.backend = backend;
                this.rank = rank;
                world_size = worldSize;
                Timeout = timeout;
                _takesAllTypes = !string.Equals(backend, "gloo", StringComparison.Ordinal);
            }

            public string backend { get; }

            public int rank { get; }

            public int world_size { get; }

            internal TimeSpan Timeout { get; }

            internal nint Handle
            {
                get
                {
                    ObjectDisposedException.ThrowIf(_handle == 0, this);
                    return _handle;
                }
            }

            /// <summary>A group for CPU tensors. Returns when all ranks have joined.</summary>
            /// <param name="host">The address of this machine's interface to use; by default the one its name resolves to.</param>
            /// <param name="timeout">How long joining, and any one collective, may take.</param>
            /// <exception cref="DistributedException">Not all ranks joined in time, or the address is not this machine's.</exception>
            public static ProcessGroup Gloo(Store store, int rank, int worldSize, string? host, TimeSpan timeout)
            {
                CheckRank(rank, worldSize);
                nint handle = NativeMethods.ct_gloo(store.Handle, rank, worldSize, host ?? "", DistributedError.Milliseconds(timeout));
                return new(DistributedError.CheckPointer(handle, $"Gloo group, rank {rank} of {worldSize}"), "gloo", rank, worldSize, timeout);
            }

            /// <summary>A group for CUDA tensors, one device a rank: make that device current first.</summary>
            /// <exception cref="DistributedException">This build has no NCCL, or joining failed.</exception>
            public static ProcessGroup Nccl(Store store, int rank, int worldSize, TimeSpan timeout)
            {
                CheckRank(rank, worldSize);
                nint handle = NativeMethods.ct_nccl(store.Handle, rank, worldSize, DistributedError.Milliseconds(timeout));
                return new(DistributedError.CheckPointer(handle, $"NCCL group, rank {rank} of {worldSize}"), "nccl", rank, worldSize, timeout);
            }

            /// <summary>
            /// Combines the ranks' tensors, in place on each. Gloo reduces bfloat16 and float16 in float32, so that the sum is
            /// rounded once.
            /// </summary>
            /// <exception cref="ArgumentException">The tensor is not contiguous.</exception>
            public Work all_reduce(Tensor tensor, ReduceOp op = ReduceOp.SUM)
            {
                CheckContiguous(tensor);
                if (_takesAllTypes || tensor.dtype is not (bfloat16 or float16))
                {
                    return Start(NativeMethods.ct_all_reduce(Handle, tensor.Handle, (int)op), nameof(all_reduce));
                }

                Tensor wide;
                using (no_grad())
                {
                    wide = tensor.to(float32).DetachFromDisposeScope();
                }

                return Start(NativeMethods.ct_all_reduce(Handle, wide.Handle, (int)op), nameof(all_reduce), wide, tensor);
            }

            /// <summary>Copies the root's tensor to every rank's.</summary>
            /// <exception cref="ArgumentException">The tensor is not contiguous.</exception>
            public Work broadcast(Tensor tensor, int root)
            {
                CheckContiguous(tensor);
                using DisposeScope scope = NewDisposeScope();
                return Start(NativeMethods.ct_broadcast(Handle, AsCopied(tensor).Handle, root), nameof(broadcast));
            }

            /// <summary>Copies every rank's input to every rank: <paramref name="outputs"/>[r] receives rank r's.</summary>
            /// <exception cref="ArgumentException">A tensor is not contiguous.</exception>
            public Work all_gather(ReadOnlySpan<Tensor> outputs, Tensor input)
            {
                CheckContiguous(input);
                using DisposeScope scope = NewDisposeScope();
                var copied = new Tensor[outputs.Length];
                for (int i = 0; i < copied.Length; i++)
                {
                    CheckContiguous(outputs[i]);
                    copied[i] = AsCopied(outputs[i]);
                }

                using var handles = new HandleArray(copied);
                fixed (nint* p = handles.Handles)
                {
                    return Start(NativeMethods.ct_all_gather(Handle, p, copied.Length, AsCopied(input).Handle), nameof(all_gather));
                }
            }

            /// <summary>Completes when every rank has called it.</summary>
            public Work barrier() => Start(NativeMethods.ct_barrier(Handle), nameof(barrier));

            /// <summary>
            /// Leaves the group. Waits for collectives under way, at most the group's time-out. A <see cref="GradientReducer"/>
            /// over the group is to be disposed of first: the group is left when the last of the two is gone.
            /// </summary>
            public void Dispose()
            {
                if (_handle != 0)
                {
                    NativeMethods.ct_group_free(TakeHandle());
                }
            }

            /// <summary>
            /// Leaves a broken or hung group without waiting: it ends in the background, when its collectives have failed or
            /// their time-out has passed. Until then these may still write to their tensors, whose memory libtorch keeps, and
            /// the peers' connections to this rank stay open. Another group may be made at once.
            /// </summary>
            public void Abandon()
            {
                if (_handle != 0)
                {
                    DistributedError.Check(NativeMethods.ct_group_abandon(TakeHandle()), nameof(Abandon));
                }
            }

            private nint TakeHandle()
            {
                nint handle = _handle;
                _handle = 0;
                return handle;
            }

            private static void CheckRank(int rank, int worldSize)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
                if (rank < 0 || rank >= worldSize)
                {
                    throw new ArgumentOutOfRangeException(nameof(rank), rank, $"Ranks of a group of {worldSize} are 0 to {worldSize - 1}.");
                }
            }

            // Backends read and write a tensor's memory from its first element on, whatever its strides.
            private static void CheckContiguous(Tensor tensor)
            {
                if (!tensor.is_contiguous())
                {
                    throw new ArgumentException($"A collective needs contiguous tensors, not a strided {tensor}.", nameof(tensor));
                }
            }

            // Gloo copies no bfloat16, int16 or bool, but what only moves may go under another name of the same size.
            private Tensor AsCopied(Tensor tensor)
            {
                ScalarType? name = tensor.dtype switch
                {
                    ScalarType.BFloat16 or ScalarType.Int16 => float16,
                    ScalarType.Bool => uint8,
                    _ => null,
                };
                if (name is null || _takesAllTypes)
                {
                    return tensor;
                }

                using GradModeGuard guard = no_grad();
                return Aten.view_dtype.Call(tensor, name);
            }

            private Work Start(nint work, string collective, Tensor? wide = null, Tensor? target = null)
            {
                string what = $"{collective} on rank {rank} of {world_size}";
                if (work == 0)
                {
                    wide?.Dispose();
                }

                return new Work(DistributedError.CheckPointer(work, what), what, Timeout, wide, target);
            }
        }
    }
}
