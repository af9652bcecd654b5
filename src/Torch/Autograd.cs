using System.Runtime.InteropServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>The way back through a function: from ∂/∂output to ∂/∂input for each input, in their order.</summary>
    /// <param name="gradient">∂/∂output.</param>
    /// <param name="saved">What was saved for it.</param>
    public delegate Tensor[] BackwardFunction(Tensor gradient, Tensor[] saved);

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
                Run(o, grad_tensors.IsEmpty ? null : g, tensors.Length, retain_graph, "torch.autograd.backward");
            }
        }

        /// <summary>
        /// Makes <paramref name="output"/>, computed without history, a function of <paramref name="inputs"/> whose way back is
        /// <paramref name="backward"/>; nothing where autograd does not record, or no input requires a gradient.
        /// </summary>
        /// <param name="output">Neither a leaf that requires a gradient nor one of the inputs.</param>
        /// <param name="inputs">What the output depends on.</param>
        /// <param name="saved">Given to <paramref name="backward"/>, without history; kept until a backward pass has used them.</param>
        /// <param name="backward">Must capture no tensor. What it throws ends the backward pass, which throws the same.</param>
        /// <returns><paramref name="output"/>.</returns>
        public static Tensor record(
            Tensor output, ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Tensor> saved, BackwardFunction backward)
        {
            using var from = new HandleArray(inputs);
            using var kept = new HandleArray(saved);
            BackwardCallbacks calls = BackwardCallbacks.Create();
            fixed (nint* i = from.Handles, s = kept.Handles)
            {
                NativeError.Check(
                    NativeMethods.ct_record_function(
                        &calls, (nint)GCHandle.Alloc(backward), output.Handle, i, inputs.Length, s, saved.Length),
                    "torch.autograd.record");
            }

            return output;
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

        internal static void Run(nint* outputs, nint* grads, int count, bool retainGraph, string what)
        {
            nint exception;
            int result = NativeMethods.ct_backward(outputs, grads, count, retainGraph ? 1 : 0, &exception);
            if (exception != 0)
            {
                BackwardCallbacks.Rethrow(exception);
            }

            NativeError.Check(result, what);
        }
    }
}
