using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public class TowerPassTests
{
    [Theory]
    [InlineData(Precision.Fp32, 0)]
    [InlineData(Precision.Fp32, 0.5)]
    [InlineData(Precision.Bf16, 0)]
    [InlineData(Precision.Bf16, 0.5)]
    public void Recomputed_activations_give_bitwise_the_same_gradients_as_stored_ones(Precision precision, double patchDropout)
    {
        var kept = Gradients(precision, patchDropout, ActivationCheckpointing.None);
        Assert.Contains(kept, value => value != 0);
        Assert.Equal(kept, Gradients(precision, patchDropout, ActivationCheckpointing.Block));
    }

    [Theory]
    [InlineData(ActivationCheckpointing.None)]
    [InlineData(ActivationCheckpointing.Block)]
    public void Embeddings_equal_those_of_evaluation(ActivationCheckpointing checkpointing)
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var batch = TinyClip.Batch(0, 5, patchDropout: 0.5);
        var pass = model.PassImage(batch.Images_b3SS, batch.KeptPatches_bK, checkpointing);
        Assert.False(pass.Embedding_bD.requires_grad);
        Assert.True(pass.Embedding_bD.IsSame(model.EncodeImage(batch.Images_b3SS, batch.KeptPatches_bK)));
    }

    [Fact]
    public void With_checkpointing_forward_records_nothing_and_backward_one_segment_at_a_time()
    {
        var weight = full([], 3, float32).requires_grad_();
        var calls = new List<string>();
        Segment Segment(int number) =>
            new(
                $"segment {number}",
                x =>
                {
                    var y = x * weight;
                    calls.Add($"{number} {(y.requires_grad ? "recorded" : "not")} {(x.requires_grad ? "leaf" : "plain")}");
                    return y;
                }
            );

        var pass = new TowerPass([Segment(0), Segment(1), Segment(2)], ones([2]), ActivationCheckpointing.Block);
        Assert.Equal(["0 not plain", "1 not plain", "2 not plain"], calls);
        Assert.Equal([27f, 27f], pass.Embedding_bD.AsSpan<float>().ToArray());

        calls.Clear();
        pass.Backward(ones([2]));
        Assert.Equal(["2 recorded leaf", "1 recorded leaf", "0 recorded plain"], calls);
        Assert.Equal(2 * 3 * 9, weight.grad!.item<float>());
    }

    [Fact]
    public void A_pass_leaves_no_tensor_but_its_inputs_in_the_callers_scope()
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        var batch = TinyClip.Batch(0, 5);
        using var scope = NewDisposeScope();
        var pass = model.PassImage(batch.Images_b3SS, null, ActivationCheckpointing.Block);
        Assert.Equal(TinyClip.Model.Image.Layers + 3, scope.DisposablesCount);
        pass.Backward(ones_like(pass.Embedding_bD));
        Assert.Equal(2, scope.DisposablesCount);
    }

    private static float[] Gradients(Precision precision, double patchDropout, ActivationCheckpointing checkpointing)
    {
        using var model = new ClipModel(TinyClip.Model, precision, 3);
        var batch = TinyClip.Batch(0, 5, patchDropout);
        TowerPass[] passes =
        [
            model.PassText(batch.Tokens_bL, batch.Ends_b, batch.LongestEnd(), checkpointing),
            model.PassImage(batch.Images_b3SS, batch.KeptPatches_bK, checkpointing),
        ];
        using var generator = new torch.Generator();
        generator.manual_seed(1);
        foreach (var pass in passes)
        {
            pass.Backward(randn([5, TinyClip.Model.EmbedDim], generator: generator));
        }

        model.Parameters.Collect();
        return model.Parameters.Gradients.AsSpan<float>().ToArray();
    }
}
