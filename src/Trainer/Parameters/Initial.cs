using TorchSharp;

namespace ClipTrain.Trainer.Parameters;

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
