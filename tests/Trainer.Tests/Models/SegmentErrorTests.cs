using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class SegmentErrorTests
{
    private const long Many = 1L << 45;

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

    public static TheoryData<string, Func<torch.Tensor, torch.Tensor>> Hungry =>
        new()
        {
            { "a copy", x => x.expand(Many, -1).contiguous() },
            { "a product", x => x.expand(Many, 1, 4).MatMul(x.expand(Many, 4, 4)) },
            { "a factor's copy", x => x.expand(2, Many, 1, 4).MatMul(x.expand(Many, 2, 4, 4).transpose(0, 1)) },
            { "a product with a matrix", x => x.expand(Many, 1, 4).MatMul(ones([4, 4])) },
            { "a look-up", x => Dispatcher.Embedding(x.to(int64).expand(Many, 4), ones([3, 2])) },
        };

    [Theory]
    [MemberData(nameof(Hungry))]
    public void Running_out_of_memory_is_reported_as_such(string what, Func<torch.Tensor, torch.Tensor> hungry)
    {
        using var scope = NewDisposeScope();
        var error = Assert.ThrowsAny<ExternalException>(() => TowerPass.Forward([hungry], ones([1, 4])));
        Assert.True(DeviceMemoryException.IsCauseOf(error), $"{what}: {error.Message}");
        Assert.Contains("training.micro_batch", new DeviceMemoryException("cpu", error).Message, StringComparison.Ordinal);
    }
}
