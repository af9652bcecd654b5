using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        public sealed unsafe partial class ProcessGroup
        {
            /// <summary>
            /// Sums the ranks' inputs and gives each rank its share of the sum: rank r receives elements [r·n, (r+1)·n). Gloo
            /// reduces a copy of the whole input, so that the sums are bitwise those of <see cref="all_reduce"/>; its own
            /// reduce-scatter (of 2.x) does the same but cannot be waited for in part.
            /// </summary>
            /// <param name="output">n elements.</param>
            /// <param name="input">world_size·n elements of the same dtype; not changed.</param>
            /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or dtypes do not fit together.</exception>
            public Work reduce_scatter_tensor(Tensor output, Tensor input)
            {
                CheckShare(output, input, nameof(input));
                if (_takesAllTypes)
                {
                    return Start(NativeMethods.ct_reduce_scatter_tensor(Handle, output.Handle, input.Handle), nameof(reduce_scatter_tensor));
                }

                using DisposeScope scope = NewDisposeScope();
                using GradModeGuard guard = no_grad();
                Tensor sums = input.dtype is bfloat16 or float16 ? input.to(float32) : input.clone();
                long n = output.numel();
                Tensor mine = sums.view(-1).narrow(0, rank * n, n).view(output.shape).DetachFromDisposeScope();
                return Start(
                    NativeMethods.ct_all_reduce(Handle, sums.Handle, (int)ReduceOp.SUM), nameof(reduce_scatter_tensor), mine, output);
            }

            /// <summary>Joins the ranks' inputs on every rank: rank r's becomes elements [r·n, (r+1)·n) of the output.</summary>
            /// <param name="output">world_size·n elements of the input's dtype.</param>
            /// <param name="input">n elements.</param>
            /// <exception cref="ArgumentException">A tensor is not contiguous, or the sizes or dtypes do not fit together.</exception>
            public Work all_gather_into_tensor(Tensor output, Tensor input)
            {
                CheckShare(input, output, nameof(output));
                if (_takesAllTypes)
                {
                    return Start(NativeMethods.ct_all_gather_into_tensor(Handle, output.Handle, input.Handle), nameof(all_gather_into_tensor));
                }

                using DisposeScope scope = NewDisposeScope();
                using GradModeGuard guard = no_grad();
                return all_gather(output.view(world_size, input.numel()).unbind(), input.view(-1));
            }

            private void CheckShare(Tensor share, Tensor whole, string name)
            {
                CheckContiguous(share);
                CheckContiguous(whole);
                if (whole.numel() != world_size * share.numel() || whole.dtype != share.dtype)
                {
                    throw new ArgumentException($"{whole} is not {world_size} times {share}, one share a rank.", name);
                }
            }
        }
    }
}
