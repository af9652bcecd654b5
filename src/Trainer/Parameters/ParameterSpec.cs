using TorchSharp;

namespace ClipTrain.Trainer.Parameters;

/// <summary>A parameter before it has memory.</summary>
/// <param name="Name">Its name in open_clip's state dict.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
/// <param name="InComputeType">
/// True when the towers multiply by it and it is therefore kept in the compute type (bf16 or fp16) as well. LayerNorm's gains
/// and biases, embedding tables and the logit scale stay fp32: they are added or looked up, where half precision loses
/// digits and saves nothing.
/// </param>
/// <param name="Initialize">Writes initial values into a fp32 tensor of the shape.</param>
public sealed record ParameterSpec(
    string Name,
    IReadOnlyList<long> Shape,
    bool InComputeType,
    Action<torch.Tensor, torch.Generator> Initialize
)
{
    /// <summary>
    /// Whether this is a running statistic of a BatchNorm: no parameter, but state that a step changes. See <see cref="BatchStatistics"/>.
    /// </summary>
    public bool IsStatistic { get; init; }

    /// <summary>Whether training leaves it as it is.</summary>
    public bool IsLocked { get; init; }

    /// <summary>Factor on the learning rate.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>Whether its master weights are kept in bf16, to which updates round them stochastically.</summary>
    public bool IsNarrow { get; init; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Matrices decay; gains, biases, the class token and the logit scale do not (CLIP paper, section 2.5).</summary>
    public bool Decays => Shape.Count >= 2;
}

/// <summary>A range of the flat buffers whose elements the optimizer treats alike.</summary>
public sealed record OptimizerRange(long Offset, long Length, bool Decays, bool InComputeType, bool IsStatistic)
{
    /// <summary>Factor on the learning rate.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>Whether the weights are kept in bf16, to which an update rounds them stochastically.</summary>
    public bool IsNarrow { get; init; }
}

/// <summary>Ways to fill a new parameter.</summary>
public static class Initial
{
    public static Action<torch.Tensor, torch.Generator> Zero { get; } = (tensor, _) => tensor.zero_();

    public static Action<torch.Tensor, torch.Generator> One { get; } = (tensor, _) => tensor.fill_(1);

    public static Action<torch.Tensor, torch.Generator> Constant(double value) => (tensor, _) => tensor.fill_(value);

    public static Action<torch.Tensor, torch.Generator> Normal(double std) => (tensor, generator) => tensor.normal_(0, std, generator);

    /// <summary>Uniform in ±1/√fan-in, which is what PyTorch gives a convolution and CLIP leaves as it is.</summary>
    public static Action<torch.Tensor, torch.Generator> UniformByFanIn(long fanIn)
    {
        var bound = 1 / Math.Sqrt(fanIn);
        return (tensor, generator) => tensor.uniform_(-bound, bound, generator);
    }
}
