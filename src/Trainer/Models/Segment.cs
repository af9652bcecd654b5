using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>A part of a model that computes one tensor from another.</summary>
/// <param name="Name">Name for messages, such as "block 3 of the image tower".</param>
/// <param name="Forward">The computation.</param>
public sealed record Segment(string Name, Func<torch.Tensor, torch.Tensor> Forward)
{
    /// <summary>Runs the forward pass.</summary>
    /// <exception cref="RejectedTensorException">An operator rejects a tensor.</exception>
    public torch.Tensor Run(torch.Tensor input) => RejectedTensorException.Guard(Name, () => Forward(input), ("input", input));

    /// <summary>Runs the backward pass.</summary>
    /// <param name="output_X">Output of the forward pass, with its graph.</param>
    /// <param name="gradient_X">∂loss/∂output.</param>
    /// <exception cref="RejectedTensorException">An operator rejects a tensor.</exception>
    public void Backward(torch.Tensor output_X, torch.Tensor gradient_X) =>
        RejectedTensorException.Guard(
            $"backward of {Name}",
            () =>
            {
                Gradients.Run(output_X, gradient_X);
                return true;
            },
            ("output", output_X),
            ("its gradient", gradient_X)
        );
}

/// <summary>An operator rejects the type or shape of a tensor in a part of the step.</summary>
public sealed class RejectedTensorException : Exception
{
    private RejectedTensorException(string part, ExternalException error, ReadOnlySpan<(string Name, torch.Tensor Tensor)> tensors)
        : base($"An operator rejects a tensor in {part} ({Describe(tensors)}): {error.Message}", error) { }

    /// <summary>Runs a part of the step. Lack of memory is another error.</summary>
    /// <param name="part">Name of the part for the message.</param>
    /// <param name="run">The computation.</param>
    /// <param name="tensors">Tensors that the message describes.</param>
    /// <exception cref="RejectedTensorException">An operator rejects a tensor.</exception>
    public static T Guard<T>(string part, Func<T> run, params ReadOnlySpan<(string Name, torch.Tensor Tensor)> tensors)
    {
        try
        {
            return run();
        }
        catch (ExternalException error) when (!DeviceMemoryException.IsCauseOf(error))
        {
            throw new RejectedTensorException(part, error, tensors);
        }
    }

    private static string Describe(ReadOnlySpan<(string Name, torch.Tensor Tensor)> tensors) =>
        string.Join(", ", tensors.ToArray().Select(entry => $"{entry.Name} {TensorMemory.Describe(entry.Tensor)}"));
}
