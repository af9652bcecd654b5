using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>The backward pass of a function: from ∂/∂output to ∂/∂input for each input, in order.</summary>
/// <param name="gradient">∂/∂output.</param>
/// <param name="saved">The saved tensors.</param>
public delegate IReadOnlyList<Tensor> BackwardFunction(Tensor gradient, IReadOnlyList<Tensor> saved);

/// <summary>Autograd functions written in C#, and the backward pass that runs them.</summary>
public static class Gradients
{
    /// <summary>Runs the backward pass: adds the gradients of an output to those of its leaves.</summary>
    /// <remarks>
    /// Call on the thread that recorded the graph. libtorch computes on that thread on a CPU, and on its own thread for a GPU. Exceptions of
    /// recorded functions are thrown here in either case.
    /// </remarks>
    public static void Run(Tensor output, Tensor gradient)
    {
        try
        {
            autograd.backward([output], [gradient]);
        }
        finally
        {
            Sink.OfThisThread.Settle();
        }
    }

    /// <summary>Computes an output without recording, and adds it to the graph with a given backward pass.</summary>
    /// <param name="inputs">Inputs of the output.</param>
    /// <param name="forward">Computes the output.</param>
    /// <param name="saved">Tensors for <paramref name="backward"/>, kept as long as the graph.</param>
    /// <param name="backward">Must capture no tensor.</param>
    public static Tensor Record(
        IReadOnlyList<Tensor> inputs,
        Func<Tensor> forward,
        IReadOnlyList<Tensor> saved,
        BackwardFunction backward
    ) => Function.apply([.. inputs, new Call(forward, saved, backward)]);

    private sealed record Call(Func<Tensor> Forward, IReadOnlyList<Tensor> Saved, BackwardFunction Backward);

    private sealed record Recorded(BackwardFunction Backward, int Inputs, long[] Shape, ScalarType Type, Device Device, Sink Sink);

    /// <summary>
    /// Error and gradients of the functions that a thread has recorded, until its backward pass ends. They may come from another thread.
    /// </summary>
    private sealed class Sink
    {
        [ThreadStatic]
        private static Sink? t_ofThisThread;

        private readonly Lock _lock = new();
        private readonly Dictionary<int, List<Tensor>> _keptByThread = [];
        private ExceptionDispatchInfo? _error;

        public static Sink OfThisThread => t_ofThisThread ??= new Sink();

        /// <summary>
        /// Keeps tensors of no dispose scope until libtorch has references of its own. It takes them on this thread as soon as the function
        /// returns (TorchSharp's CSharpNode::apply copies each one), so the next function on this thread releases them; the last ones'
        /// are released when the backward pass ends. Otherwise the gradients of all recorded functions of a graph would live at once.
        /// </summary>
        public void Keep(params ReadOnlySpan<Tensor> tensors)
        {
            lock (_lock)
            {
                ref var kept = ref CollectionsMarshal.GetValueRefOrAddDefault(_keptByThread, Environment.CurrentManagedThreadId, out _);
                (kept ??= []).AddRange(tensors);
            }
        }

        /// <summary>Releases what earlier functions have kept on this thread.</summary>
        public void ReleaseKept()
        {
            lock (_lock)
            {
                if (_keptByThread.Remove(Environment.CurrentManagedThreadId, out var kept))
                {
                    kept.ForEach(tensor => tensor.Dispose());
                }
            }
        }

        public void Fail(Exception error)
        {
            lock (_lock)
            {
                _error ??= ExceptionDispatchInfo.Capture(error);
            }
        }

        /// <summary>Releases the tensors and throws the first error.</summary>
        public void Settle()
        {
            ExceptionDispatchInfo? error;
            lock (_lock)
            {
                foreach (var kept in _keptByThread.Values)
                {
                    kept.ForEach(tensor => tensor.Dispose());
                }

                _keptByThread.Clear();
                (error, _error) = (_error, null);
            }

            error?.Throw();
        }
    }

    /// <summary>TorchSharp keeps one instance of a function, so the state of a call is its last argument.</summary>
    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => "ClipTrain";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var call = (Call)vars[^1];
            ctx.save_for_backward([.. call.Saved]);
            // The tensors from which TorchSharp would create missing gradients belong to a scope that may have ended.
            ctx.set_materialize_grads(false);
            var output = call.Forward();
            ctx.save_data(
                nameof(Call),
                new Recorded(call.Backward, vars.Length - 1, output.shape, output.dtype, output.device, Sink.OfThisThread)
            );
            return output;
        }

        // An exception here would end the process, so it is deferred and the gradients are zero.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var call = (Recorded)ctx.get_data(nameof(Call));
            call.Sink.ReleaseKept();
            // libtorch's own threads have no scope.
            using var scope = NewDisposeScope();
            try
            {
                var gradient = grad_output.IsInvalid ? zeros(call.Shape, call.Type, call.Device) : grad_output;
                var gradients = call.Backward(gradient, ctx.get_saved_variables());
                if (gradients.Count != call.Inputs)
                {
                    throw new InvalidOperationException(
                        $"A backward function returned {gradients.Count} gradients for {call.Inputs} inputs."
                    );
                }

                call.Sink.Keep([.. gradients.Select(tensor => tensor.DetachFromDisposeScope())]);
                return [.. gradients, null!];
            }
            catch (Exception error)
            {
                call.Sink.Fail(error);
                return [.. Enumerable.Repeat<Tensor>(null!, call.Inputs + 1)];
            }
            finally
            {
                call.Sink.Keep(grad_output);
            }
        }
    }
}
