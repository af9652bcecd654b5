using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>Adam's two moments of some weights.</summary>
/// <param name="First">Running mean of the gradient.</param>
/// <param name="Second">Running mean of the squared gradient.</param>
public sealed record AdamMoments(MomentBuffer First, MomentBuffer Second) : IDisposable
{
    /// <summary>Moments of zero.</summary>
    /// <param name="elements">Of how many weights.</param>
    /// <param name="type">What they are kept in.</param>
    /// <param name="device">Where they lie.</param>
    public AdamMoments(long elements, MomentType type, torch.Device device)
        : this(
            MomentBuffer.Zeros(elements, TypeOf(type), device, isSquares: false),
            MomentBuffer.Zeros(elements, TypeOf(type), device, isSquares: true)
        ) { }

    /// <summary>A view of those of some of the weights, in the current dispose scope.</summary>
    public AdamMoments Slice(long offset, long length) => new(First.Slice(offset, length), Second.Slice(offset, length));

    /// <summary>A copy in the current dispose scope.</summary>
    public AdamMoments Copy() => new(First.Copy(), Second.Copy());

    /// <summary>Overwrites them with others of the same kind and number.</summary>
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
