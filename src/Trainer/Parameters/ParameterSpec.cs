using TorchSharp;

namespace ClipTrain.Trainer.Parameters;

/// <summary>Description of a parameter before memory is allocated for it.</summary>
/// <param name="Name">Its name in open_clip's state dict.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
/// <param name="InComputeType">
/// True if the towers multiply by it, so that a copy in the compute type (bf16 or fp16) is kept. LayerNorm gains and biases,
/// embedding tables and the logit scale stay fp32: they are added or looked up, where half precision loses digits and saves
/// nothing.
/// </param>
/// <param name="Initialize">Writes the initial values into an fp32 tensor of the given shape in host memory.</param>
public sealed record ParameterSpec(
    string Name,
    IReadOnlyList<long> Shape,
    bool InComputeType,
    Action<torch.Tensor, torch.Generator> Initialize
)
{
    /// <summary>
    /// True for a running statistic of a BatchNorm: not a parameter, but state that a step changes. See <see
    /// cref="BatchStatistics"/>.
    /// </summary>
    public bool IsStatistic { get; init; }

    /// <summary>True if training does not change it.</summary>
    public bool IsLocked { get; init; }

    /// <summary>Factor on the learning rate.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>True if its master weights are kept in bf16, with stochastically rounded updates.</summary>
    public bool IsNarrow { get; init; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>
    /// Weight decay applies to matrices, not to gains, biases, the class token and the logit scale (CLIP paper, section 2.5).
    /// </summary>
    public bool Decays => Shape.Count >= 2;
}

/// <summary>A range of the flat buffers that the optimizer treats uniformly.</summary>
public sealed record OptimizerRange(long Offset, long Length, bool Decays, bool InComputeType, bool IsStatistic)
{
    /// <summary>Factor on the learning rate.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>True if the weights are kept in bf16, with stochastically rounded updates.</summary>
    public bool IsNarrow { get; init; }
}

/// <summary>Initial values of parameters.</summary>
public static class Initial
{
    public static Action<torch.Tensor, torch.Generator> Zero { get; } = (tensor, _) => tensor.zero_();

    public static Action<torch.Tensor, torch.Generator> One { get; } = (tensor, _) => tensor.fill_(1);

    public static Action<torch.Tensor, torch.Generator> Constant(double value) => (tensor, _) => tensor.fill_(value);

    public static Action<torch.Tensor, torch.Generator> Normal(double std) => (tensor, generator) => tensor.normal_(0, std, generator);

    /// <summary>Uniform in ±1/√fan-in: PyTorch's default for a convolution, which CLIP keeps.</summary>
    public static Action<torch.Tensor, torch.Generator> UniformByFanIn(long fanIn)
    {
        var bound = 1 / Math.Sqrt(fanIn);
        return (tensor, generator) => tensor.uniform_(-bound, bound, generator);
    }
}
