using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>The way back through a function: from ∂/∂output to ∂/∂input for each input, in their order.</summary>
/// <param name="gradient">∂/∂output.</param>
/// <param name="saved">What was saved for it.</param>
public delegate IReadOnlyList<Tensor> BackwardFunction(Tensor gradient, IReadOnlyList<Tensor> saved);

/// <summary>Steps of the autograd graph that are written in C#, and the backward pass that runs them.</summary>
public static class Gradients
{
    [ThreadStatic]
    private static ExceptionDispatchInfo? t_thrown;

    /// <summary>Adds the gradients of an output to those of the leaves that it was computed from.</summary>
    /// <remarks>On the CPU all of it runs on the calling thread. What a recorded function throws is thrown here.</remarks>
    public static void Run(Tensor output, Tensor gradient)
    {
        t_thrown = null;
        autograd.backward([output], [gradient]);
        var thrown = t_thrown;
        t_thrown = null;
        thrown?.Throw();
    }

    /// <summary>Computes an output without history and makes it a function of inputs whose way back is given.</summary>
    /// <param name="inputs">What the output depends on.</param>
    /// <param name="forward">Computes the output.</param>
    /// <param name="saved">Given to <paramref name="backward"/>; kept until the graph is gone.</param>
    /// <param name="backward">Must capture no tensor.</param>
    public static Tensor Record(
        IReadOnlyList<Tensor> inputs,
        Func<Tensor> forward,
        IReadOnlyList<Tensor> saved,
        BackwardFunction backward
    ) => Function.apply([.. inputs, new Call(forward, saved, backward)]);

    private sealed record Call(Func<Tensor> Forward, IReadOnlyList<Tensor> Saved, BackwardFunction Backward);

    private sealed record Recorded(BackwardFunction Backward, int Inputs, long[] Shape, ScalarType Type, Device Device);

    /// <summary>TorchSharp keeps one instance of a function: what differs from call to call is its last argument.</summary>
    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => "ClipTrain";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var call = (Call)vars[^1];
            ctx.save_for_backward([.. call.Saved]);
            // What TorchSharp keeps to make missing gradients from belongs to a scope that may have ended.
            ctx.set_materialize_grads(false);
            var output = call.Forward();
            ctx.save_data(nameof(Call), new Recorded(call.Backward, vars.Length - 1, output.shape, output.dtype, output.device));
            return output;
        }

        // An exception that left this would end the process: it waits, and the gradients are zeros.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var call = (Recorded)ctx.get_data(nameof(Call));
            try
            {
                var gradient = grad_output.IsInvalid ? zeros(call.Shape, call.Type, call.Device) : grad_output;
                var gradients = call.Backward(gradient, ctx.get_saved_variables());
                if (gradients.Count != call.Inputs)
                    throw new InvalidOperationException($"A backward function gave {gradients.Count} gradients for {call.Inputs} inputs.");
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
