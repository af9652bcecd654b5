using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>The backward pass of a function: from ∂/∂output to ∂/∂input for each input, in order.</summary>
/// <param name="gradient">∂/∂output.</param>
/// <param name="saved">The saved tensors.</param>
public delegate IReadOnlyList<Tensor> BackwardFunction(Tensor gradient, IReadOnlyList<Tensor> saved);

/// <summary>Autograd functions written in C#, and the backward pass that runs them.</summary>
public static class Gradients
{
    [ThreadStatic]
    private static ExceptionDispatchInfo? t_thrown;

    /// <summary>Runs the backward pass: adds the gradients of an output to those of its leaves.</summary>
    /// <remarks>On the CPU everything runs on the calling thread. Exceptions of recorded functions are thrown here.</remarks>
    public static void Run(Tensor output, Tensor gradient)
    {
        t_thrown = null;
        autograd.backward([output], [gradient]);
        var thrown = t_thrown;
        t_thrown = null;
        thrown?.Throw();
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

    private sealed record Recorded(BackwardFunction Backward, int Inputs, long[] Shape, ScalarType Type, Device Device);

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
            ctx.save_data(nameof(Call), new Recorded(call.Backward, vars.Length - 1, output.shape, output.dtype, output.device));
            return output;
        }

        // An exception here would end the process, so it is deferred and the gradients are zero.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var call = (Recorded)ctx.get_data(nameof(Call));
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

                return [.. gradients, null!];
            }
            catch (Exception error)
            {
                t_thrown ??= ExceptionDispatchInfo.Capture(error);
                return [.. Enumerable.Repeat<Tensor>(null!, call.Inputs + 1)];
            }
        }
    }
}
