using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>
        /// Sums gradients over the ranks while backward still computes others. Between <see cref="Begin"/> and
        /// <see cref="Finish"/> each leaf's gradient moves into the flat buffer as soon as it is there, as
        /// <see cref="autograd.collect_grads"/> moves it, and a bucket's all-reduce starts once its leaves and all buckets before
        /// it are there. Buckets start in the list's order on every rank, whatever the order in which gradients come, so a rank
        /// that runs no backward takes part too. At other times the leaves' gradients stay where they are.
        /// </summary>
        /// <remarks>
        /// Gloo's sums over three and more ranks depend on how the buffer is cut, by rounding: for the same bits, keep the buckets.
        /// </remarks>
        public sealed unsafe class GradientReducer : IDisposable
        {
            private readonly ProcessGroup? _group;
            private readonly nint[] _works;
            private bool _begun;
            private nint _handle;

            /// <param name="leaves">Leaves of fp32, bf16 or fp16 that require gradients.</param>
            /// <param name="offsets">Where each one's gradient goes in the flat buffer; the ranges must not overlap.</param>
            /// <param name="flat_fp32">A contiguous float32 tensor of one dimension. Not to be touched between Begin and Finish.</param>
            /// <param name="group">The ranks; null for one rank, whose gradients are only moved.</param>
            /// <param name="buckets">
            /// Ranges that together are the flat buffer, the first to be reduced first; the same on every rank. A leaf may lie in
            /// several. Backward reaches the last layers first, so their bucket should be first.
            /// </param>
            /// <exception cref="ArgumentException">The buckets do not cover the buffer, or cover some of it twice.</exception>
            /// <exception cref="TorchException">A tensor is no such leaf, or does not fit the buffer.</exception>
            public GradientReducer(
                ReadOnlySpan<Tensor> leaves, ReadOnlySpan<long> offsets, Tensor flat_fp32, ProcessGroup? group,
                ReadOnlySpan<GradientBucket> buckets)
            {
                if (offsets.Length != leaves.Length)
                {
                    throw new ArgumentException($"{offsets.Length} offsets were given for {leaves.Length} leaves.", nameof(offsets));
                }

                CheckCover(buckets, flat_fp32.numel());
                _group = group;
                _works = new nint[buckets.Length];
                using var handles = new HandleArray(leaves);
                fixed (nint* l = handles.Handles)
                {
                    fixed (long* o = offsets)
                    {
                        fixed (GradientBucket* b = buckets)
                        {
                            _handle = NativeError.CheckPointer(
                                NativeMethods.ct_reducer(l, o, leaves.Length, flat_fp32.Handle, group?.Handle ?? 0, b, buckets.Length),
                                nameof(GradientReducer));
                        }
                    }
                }
            }

            private nint Handle
            {
                get
                {
                    ObjectDisposedException.ThrowIf(_handle == 0, this);
                    return _handle;
                }
            }

            /// <summary>
            /// Arms the reducer for the backward passes to come, in which each leaf may receive its gradient once. A second
            /// gradient makes its backward pass throw.
            /// </summary>
            /// <param name="accumulate">Add to what the flat buffer holds, in place of overwriting it.</param>
            /// <exception cref="InvalidOperationException">It was begun already.</exception>
            public void Begin(bool accumulate)
            {
                if (_begun)
                {
                    throw new InvalidOperationException("Begin was called twice without Finish.");
                }

                NativeError.Check(NativeMethods.ct_reducer_begin(Handle, accumulate ? 1 : 0), "GradientReducer.Begin");
                _begun = true;
            }

            /// <summary>
            /// Starts what is left and waits for all buckets: the flat buffer then has the sums over the ranks. Leaves that no
            /// backward pass reached count as zero, or as nothing added when accumulating.
            /// </summary>
            /// <param name="abort">Ends the wait early, as <see cref="Work.wait(CancellationToken)"/>'s.</param>
            /// <exception cref="DistributedException">
            /// A collective failed or took too long, or the wait was aborted. Collectives may write to the flat buffer until the
            /// group's time-out has passed: dispose of the reducer, abandon the group, and make new ones over another buffer.
            /// </exception>
            /// <exception cref="InvalidOperationException">It was not begun.</exception>
            public void Finish(CancellationToken abort = default)
            {
                if (!_begun)
                {
                    throw new InvalidOperationException("Finish was called without Begin.");
                }

                _begun = false;
                int count;
                fixed (nint* works = _works)
                {
                    count = DistributedError.Check(NativeMethods.ct_reducer_finish(Handle, works), "GradientReducer.Finish");
                }

                var started = new Work[count];
                for (int i = 0; i < count; i++)
                {
                    string what = $"all_reduce of gradient bucket {i} on rank {_group!.rank} of {_group.world_size}";
                    started[i] = new Work(_works[i], what, _group.Timeout, wide: null, target: null);
                }

                try
                {
                    Array.ForEach(started, work => work.wait(abort));
                }
                finally
                {
                    Array.ForEach(started, work => work.Dispose());
                }
            }

            /// <summary>Takes the hooks off the leaves; at once, whatever is under way.</summary>
            public void Dispose()
            {
                if (_handle != 0)
                {
                    NativeMethods.ct_reducer_free(_handle);
                    _handle = 0;
                }
            }

            private static void CheckCover(ReadOnlySpan<GradientBucket> buckets, long numel)
            {
                GradientBucket[] sorted = buckets.ToArray();
                Array.Sort(sorted, (a, b) => a.Offset.CompareTo(b.Offset));
                long covered = 0;
                foreach (GradientBucket bucket in sorted)
                {
                    if (bucket.Offset != covered || bucket.Length < 1)
                    {
                        throw new ArgumentException($"Buckets must follow one another; {bucket} does not begin at {covered}.", nameof(buckets));
                    }

                    covered += bucket.Length;
                }

                if (covered != numel)
                {
                    throw new ArgumentException($"The buckets end at {covered} of {numel} elements.", nameof(buckets));
                }
            }
        }
    }
}
