using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Trainer.Tests.Distributed;

public sealed class ComputeDeviceTests
{
    [Fact]
    public void The_cpu_is_always_available() => Assert.Equal(DeviceType.CPU, ComputeDevice.Open("cpu").type);

    [Theory]
    [InlineData("cuda:7000", "cuda:7000")]
    [InlineData("gpu", "Use cpu, cuda or cuda:N")]
    [InlineData("cuda:-1", "Use cpu, cuda or cuda:N")]
    [InlineData("cuda:", "Use cpu, cuda or cuda:N")]
    public void A_missing_device_is_named(string name, string told)
    {
        var error = Assert.Throws<DllNotFoundException>(() => ComputeDevice.Open(name));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }
}
