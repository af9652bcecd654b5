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
    public torch.Tensor Run(torch.Tensor input)
    {
        try
        {
            return Forward(input);
        }
        catch (ExternalException error) when (RejectedTensorException.IsCausedBy(error))
        {
            throw new RejectedTensorException(Name, error, ("input", input));
        }
    }

    /// <summary>Runs the backward pass.</summary>
    /// <param name="output_X">Output of the forward pass, with its graph.</param>
    /// <param name="gradient_X">∂loss/∂output.</param>
    /// <exception cref="RejectedTensorException">An operator rejects a tensor.</exception>
    public void Backward(torch.Tensor output_X, torch.Tensor gradient_X)
    {
        try
        {
            Gradients.Run(output_X, gradient_X);
        }
        catch (ExternalException error) when (RejectedTensorException.IsCausedBy(error))
        {
            throw new RejectedTensorException($"backward of {Name}", error, ("output", output_X), ("its gradient", gradient_X));
        }
    }
}

/// <summary>An operator rejects the type or shape of a tensor in a part of the step.</summary>
public sealed class RejectedTensorException(
    string part,
    ExternalException innerException,
    params ReadOnlySpan<(string Name, torch.Tensor Tensor)> tensors
) : Exception($"An operator rejects a tensor in {part} ({Describe(tensors)}): {innerException.Message}", innerException)
{
    /// <summary>True unless the operator failed for lack of memory.</summary>
    public static bool IsCausedBy(ExternalException error) => !DeviceMemoryException.IsCauseOf(error);

    private static string Describe(ReadOnlySpan<(string Name, torch.Tensor Tensor)> tensors) =>
        string.Join(", ", tensors.ToArray().Select(entry => $"{entry.Name} {TensorMemory.Describe(entry.Tensor)}"));
}
