using ClipTrain.Cli.Sweeps;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class TrialDevicesTests
{
    [Fact]
    public void Processes_on_cores_are_bound_to_them()
    {
        var devices = new TrialDevices(["cpu:1", "cpu:3"]) { BindsCores = true };
        Assert.Equal(["taskset", "-c", "1,3"], devices.Binding);
        Assert.Empty(devices.Environment);
        Assert.Equal(2, devices.Count);
    }

    [Fact]
    public void Where_a_quota_limits_the_cores_processes_are_not_bound_to_them() =>
        Assert.Empty(new TrialDevices(["cpu:0"]) { BindsCores = false }.Binding);

    [Fact]
    public void Processes_on_GPUs_see_no_others_and_use_all_cores()
    {
        var devices = new TrialDevices(["cuda:2", "cuda:5"]);
        Assert.Empty(devices.Binding);
        Assert.Equal("CUDA_VISIBLE_DEVICES", Assert.Single(devices.Environment).Key);
        Assert.Equal(2, devices.Count);
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("0-1", 0, 1)]
    [InlineData("4-6,9", 4, 5, 6, 9)]
    public void The_cores_are_those_that_this_process_may_use(string list, params int[] cores) =>
        Assert.Equal(cores, TrialDevices.CoresIn(list));

    [Theory]
    [InlineData(null, "2,0")]
    [InlineData("4,5,6,7", "6,4")]
    [InlineData("GPU-a, GPU-b, GPU-c", "GPU-c,GPU-a")]
    public void GPUs_are_numbered_as_this_process_sees_them(string? own, string selected) =>
        Assert.Equal(selected, TrialDevices.SelectGpus([2, 0], own));

    [Theory]
    [InlineData("--device is 'cuda', which is not a GPU", "cuda")]
    [InlineData("--device is 'cpu', which is not a GPU", "cpu")]
    [InlineData("--device is 'cuda:x', which is not a GPU", "cuda:0", "cuda:x")]
    [InlineData("--device cuda:1 is given twice", "cuda:1", "cuda:0", "cuda:1")]
    public void What_names_no_GPU_or_one_twice_is_refused(string message, params string[] names) =>
        Assert.StartsWith(message, Assert.Throws<UsageException>(() => TrialDevices.RequireGpus(names)).Message, StringComparison.Ordinal);
}
