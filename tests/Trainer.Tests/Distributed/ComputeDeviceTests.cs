using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Trainer.Tests.Distributed;

public sealed class ComputeDeviceTests
{
    [Fact]
    public void The_cpu_is_always_there() => Assert.Equal(DeviceType.CPU, ComputeDevice.Open("cpu").type);

    [Theory]
    [InlineData("cuda:7000", "cuda:7000")]
    [InlineData("gpu", "can be cpu, cuda or cuda:N")]
    [InlineData("cuda:-1", "can be cpu, cuda or cuda:N")]
    [InlineData("cuda:", "can be cpu, cuda or cuda:N")]
    public void A_device_that_is_not_there_is_named(string name, string told)
    {
        var error = Assert.Throws<DllNotFoundException>(() => ComputeDevice.Open(name));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }
}
