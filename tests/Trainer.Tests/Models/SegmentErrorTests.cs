using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
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
        Segment[] chain = [new("the start", x => x * 2), new("the end", x => Products.Linear(x, weight))];
        var error = Assert.Throws<RejectedTensorException>(() => new TowerPass(chain, ones([3, 4]), checkpointing));
        Assert.Contains("in the end (input Float32 [3, 4] on cpu)", error.Message, StringComparison.Ordinal);
        Assert.Contains("3x4 and 7x5", error.Message, StringComparison.Ordinal);
        Assert.Throws<RejectedTensorException>(() => TowerPass.Forward(chain, ones([3, 4])));
    }

    [Fact]
    public void A_gradient_that_does_not_fit_is_reported_with_the_segment_and_its_output()
    {
        using var scope = NewDisposeScope();
        var weight = ones([4]).requires_grad_();
        var pass = new TowerPass([new("the start", x => x * weight)], ones([3, 4]), ActivationCheckpointing.None);
        var error = Assert.Throws<RejectedTensorException>(() => pass.Backward(ones([3, 5])));
        Assert.Contains(
            "in backward of the start (output Float32 [3, 4] on cpu, its gradient Float32 [3, 5] on cpu)",
            error.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("vit", 16, "patch embedding of the image tower (input Float32 [2, 3, 16, 16] on cpu)")]
    [InlineData("resnet", 32, "attention pooling of the image tower (input Float32 [2, 256, 1, 1] on cpu)")]
    public void A_step_on_images_of_another_size_names_the_part_of_the_tower(string tower, long side, string expected)
    {
        var run = TinyClip.Run();
        run = tower == "resnet" ? run with { Model = TinyClip.ResNet } : run;
        using var scope = NewDisposeScope();
        var error = Reject(run, batch => batch with { Images_b3SS = zeros([2, 3, side, side]) });
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_on_longer_captions_than_the_context_names_the_text_tower()
    {
        using var scope = NewDisposeScope();
        var error = Reject(TinyClip.Run(), batch => batch with { Tokens_bL = zeros([2, 6], int64) });
        Assert.Contains("token embedding of the text tower (input Int64 [2, 6] on cpu)", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Objective.Contrastive, "the loss (image embeddings Float32 [2, 24] on cpu, all text embeddings Float32 [2, 24] on cpu)")]
    [InlineData(Objective.Classification, "the loss (features Float32 [2, 24] on cpu, head.weight Float32 [5, 24] on cpu, target")]
    public void A_shape_that_the_loss_rejects_is_reported_with_its_tensors(Objective objective, string expected)
    {
        using var scope = NewDisposeScope();
        var error = Reject(
            TinyClip.Run(objective: objective),
            batch => objective == Objective.Classification ? batch with { Labels_b = full([2], TinyClip.Classes, int64) } : batch,
            objective == Objective.Classification ? 2 : 3
        );
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
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
        var error = Assert.ThrowsAny<ExternalException>(() => TowerPass.Forward([new Segment(what, hungry)], ones([1, 4])));
        Assert.True(DeviceMemoryException.IsCauseOf(error), $"{what}: {error.Message}");
        Assert.Contains("training.micro_batch", new DeviceMemoryException("cpu", error).Message, StringComparison.Ordinal);
    }

    /// <summary>The error of a step on a changed batch of two samples.</summary>
    private static RejectedTensorException Reject(RunOptions run, Func<TrainingBatch, TrainingBatch> change, long count = 2)
    {
        using var state = new TrainingState(run);
        using var step = new TrainingStep(state, run.Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100));
        var batch = change(TinyClip.Batch(0, 2, tower: run.Model.Image));
        return Assert.Throws<RejectedTensorException>(() => step.Take(batch, [count]));
    }
}
