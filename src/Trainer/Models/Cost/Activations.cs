using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Values that are kept from a forward pass until the backward pass.</summary>
/// <param name="ComputeType">Those in the type that the towers compute in.</param>
/// <param name="Fp32">Those that are fp32 always: the inputs of norms.</param>
public readonly record struct Activations(long ComputeType, long Fp32)
{
    public static Activations operator +(Activations a, Activations b) => new(a.ComputeType + b.ComputeType, a.Fp32 + b.Fp32);

    public static Activations operator *(long count, Activations a) => new(count * a.ComputeType, count * a.Fp32);

    public long Bytes(Precision precision) => (ComputeType * (precision == Precision.Fp32 ? 4 : 2)) + (Fp32 * 4);
}
