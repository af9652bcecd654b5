using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>Adam's two moments of a range of weights.</summary>
/// <param name="First">Running mean of the gradient.</param>
/// <param name="Second">Running mean of the squared gradient.</param>
public sealed record AdamMoments(MomentBuffer First, MomentBuffer Second) : IDisposable
{
    /// <summary>Zero-initialised moments.</summary>
    /// <param name="elements">Number of weights.</param>
    /// <param name="type">Storage type.</param>
    /// <param name="device">Device of the buffers.</param>
    public static AdamMoments Zeros(long elements, MomentType type, torch.Device device) =>
        new(
            MomentBuffer.Zeros(elements, TypeOf(type), device, isSquares: false),
            MomentBuffer.Zeros(elements, TypeOf(type), device, isSquares: true)
        );

    /// <summary>A view of the moments of a range of the weights, in the current dispose scope.</summary>
    public AdamMoments Slice(long offset, long length) => new(First.Slice(offset, length), Second.Slice(offset, length));

    /// <summary>A copy, in the current dispose scope.</summary>
    public AdamMoments Copy() => new(First.Copy(), Second.Copy());

    /// <summary>Overwrites these moments with others of the same type and length.</summary>
    public void CopyFrom(AdamMoments other)
    {
        First.CopyFrom(other.First);
        Second.CopyFrom(other.Second);
    }

    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
    }

    private static torch.ScalarType TypeOf(MomentType type) =>
        type switch
        {
            MomentType.Bf16 => bfloat16,
            MomentType.Int8 => uint8,
            _ => float32,
        };
}
