using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Tests.Parameters;

public sealed class FlatParametersTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Initial_values_are_drawn_in_host_memory_whatever_the_device(bool isNarrow)
    {
        List<DeviceType> drawn = [];
        var spec = new ParameterSpec(
            "weight",
            [3, 5],
            true,
            (tensor, generator) =>
            {
                drawn.Add(tensor.device_type);
                Initial.Normal(1)(tensor, generator);
            }
        )
        {
            IsNarrow = isNarrow,
        };

        // A device without memory stands in for a GPU: it, too, is not the generator's.
        using var parameters = new FlatParameters([spec], Precision.Bf16, seed: 1, torch.META);

        Assert.Equal([DeviceType.CPU], drawn);
        Assert.Equal(DeviceType.META, parameters["weight"].device_type);
    }
}
