using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>Reverse-mode differentiation.</summary>
    public static class autograd
    {
        /// <summary>
        /// Accumulates the gradients of all leaves from several outputs at once. <paramref name="grad_tensors"/> has one
        /// gradient an output, or is empty when every output has one element.
        /// </summary>
        public static void backward(ReadOnlySpan<Tensor> tensors, ReadOnlySpan<Tensor> grad_tensors = default, bool retain_graph = false)
        {
            if (!grad_tensors.IsEmpty && grad_tensors.Length != tensors.Length)
            {
                throw new ArgumentException($"{grad_tensors.Length} gradients were given for {tensors.Length} tensors.", nameof(grad_tensors));
            }

            using var outputs = new HandleArray(tensors);
            using var grads = new HandleArray(grad_tensors);
            fixed (nint* o = outputs.Handles, g = grads.Handles)
            {
                NativeError.Check(
                    NativeMethods.ct_backward(o, grad_tensors.IsEmpty ? null : g, tensors.Length, retain_graph ? 1 : 0),
                    "torch.autograd.backward");
            }
        }

        /// <summary>
        /// Moves the gradients of many parameters into one flat fp32 buffer: parameter i's gradient (fp32, bf16 or fp16, any
        /// strides) is written to <c>flat[offsets[i] .. offsets[i] + numel)</c>, or added to it when
        /// <paramref name="accumulate"/> is set, and then cleared. Where a parameter has no gradient, zeros are written, or
        /// nothing when accumulating.
        /// </summary>
        /// <param name="parameters">The parameters whose gradients are moved.</param>
        /// <param name="offsets">Where each one's gradient goes; the ranges must not overlap.</param>
        /// <param name="flat_fp32">A contiguous float32 tensor of one dimension.</param>
        /// <param name="accumulate">Add to the buffer in place of overwriting it.</param>
        /// <exception cref="TorchException">A gradient of another dtype, or a parameter that does not fit; nothing was changed.</exception>
        public static void collect_grads(
            ReadOnlySpan<Tensor> parameters, ReadOnlySpan<long> offsets, Tensor flat_fp32, bool accumulate)
        {
            if (offsets.Length != parameters.Length)
            {
                throw new ArgumentException($"{offsets.Length} offsets were given for {parameters.Length} parameters.", nameof(offsets));
            }

            using var handles = new HandleArray(parameters);
            fixed (nint* p = handles.Handles)
            {
                fixed (long* o = offsets)
                {
                    NativeError.Check(
                        NativeMethods.ct_collect_grads(p, o, parameters.Length, flat_fp32.Handle, accumulate ? 1 : 0),
                        "torch.autograd.collect_grads");
                }
            }
        }
    }
}
