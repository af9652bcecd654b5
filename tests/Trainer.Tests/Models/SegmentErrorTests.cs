using System.Runtime.InteropServices;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class SegmentErrorTests
{
    [Theory]
    [InlineData(ActivationCheckpointing.None)]
    [InlineData(ActivationCheckpointing.Block)]
    public void A_shape_that_an_operator_rejects_is_reported_with_the_segment_and_its_input(ActivationCheckpointing checkpointing)
    {
        using var scope = NewDisposeScope();
        using var weight = ones([5, 7]);
        Func<torch.Tensor, torch.Tensor>[] chain = [x => x * 2, x => nn.functional.linear(x, weight)];
        var error = Assert.Throws<InvalidOperationException>(() => new TowerPass(chain, ones([3, 4]), checkpointing));
        Assert.Contains("Segment 1 of a tower cannot compute Float32 [3, 4] on cpu", error.Message, StringComparison.Ordinal);
        Assert.Contains("3x4 and 7x5", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => TowerPass.Forward(chain, ones([3, 4])));
    }

    [Fact]
    public void Running_out_of_memory_is_reported_as_such()
    {
        using var scope = NewDisposeScope();
        Func<torch.Tensor, torch.Tensor>[] chain = [x => x.expand(1L << 45, -1).contiguous()];
        var error = Assert.ThrowsAny<ExternalException>(() => TowerPass.Forward(chain, ones([1, 4])));
        Assert.True(DeviceMemoryException.IsCauseOf(error), error.Message);
        Assert.Contains("training.micro_batch", new DeviceMemoryException("cpu", error).Message, StringComparison.Ordinal);
    }
}
