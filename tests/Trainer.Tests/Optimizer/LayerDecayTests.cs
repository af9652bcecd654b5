using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Optimizer;

public class LayerDecayTests
{
    private const double Image = 0.7,
        Text = 0.9,
        Rate = 1e-2;

    /// <summary>Factors of the stem, the blocks and the last group: d to the power of the number of groups after it.</summary>
    private static readonly Dictionary<string, double> s_factors = new(StringComparer.Ordinal)
    {
        ["visual.conv1.weight"] = Math.Pow(Image, 4),
        ["visual.ln_pre.bias"] = Math.Pow(Image, 4),
        ["visual.transformer.resblocks.0.attn.in_proj_weight"] = Math.Pow(Image, 3),
        ["visual.transformer.resblocks.2.mlp.c_fc.bias"] = Image,
        ["visual.proj"] = 1,
        ["token_embedding.weight"] = Math.Pow(Text, 3),
        ["transformer.resblocks.1.ln_2.weight"] = Text,
        ["ln_final.weight"] = 1,
        ["text_projection"] = 1,
        ["logit_scale"] = 1,
    };

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    public void A_step_equals_AdamW_with_a_learning_rate_per_group(Precision precision)
    {
        Threads.Set(1);
        var options = TinyClip.Run(precision).Training with
        {
            LayerDecay = new LayerDecayOptions { Image = Image, Text = Text },
            GradientClip = 0,
        };
        using var state = new TrainingState(TinyClip.Run(precision) with { Training = options });
        using var step = new TrainingStep(state, options, new RankGroup(), new LearningRateSchedule(Rate, 1, 10));
        var parameters = state.Model.Parameters;
        torch.Tensor[] Copies(torch.Tensor buffer) => [.. s_factors.Keys.Select(name => parameters.View(buffer, name).flatten().clone())];
        var (weights, first, second) = (
            Copies(parameters.Master),
            Copies(state.Optimizer.Moments.First.Values),
            Copies(state.Optimizer.Moments.Second.Values)
        );
        for (var i = 0; i < 3; i++)
        {
            var rate = step.Take(TinyClip.Batch(i * 12, 12), [12]).LearningRate;
            var gradients = Copies(parameters.Gradients);
            foreach (var (at, (name, factor)) in s_factors.Index())
            {
                var decay = parameters.Specs.Single(spec => spec.Name == name).Decays ? options.WeightDecay : 0;
                AdamWKernel.Apply(
                    new AdamWBuffers(
                        weights[at],
                        gradients[at],
                        new MomentBuffer(first[at], null, false),
                        new MomentBuffer(second[at], null, true),
                        null
                    ),
                    new AdamWStep(i + 1, rate * factor, options.Beta1, options.Beta2, options.Epsilon, decay, 1)
                );
                Assert.Equal(weights[at].AsSpan<float>(), parameters.View(parameters.Master, name).flatten().AsSpan<float>());
            }
        }
    }

    [Fact]
    public void A_decay_of_one_keeps_the_ranges_and_any_decay_keeps_layout_and_buckets()
    {
        using var plain = new ClipModel(TinyClip.Model, Precision.Bf16, 1, training: TinyClip.Run().Training);
        using var decayed = new ClipModel(
            TinyClip.Model,
            Precision.Bf16,
            1,
            training: TinyClip.Run().Training with
            {
                LayerDecay = new LayerDecayOptions { Image = Image },
            }
        );
        Assert.Equal(4, plain.Parameters.Ranges.Count);
        Assert.InRange(decayed.Parameters.Ranges.Count, 5, 4 * (TowerGroups.Count(TinyClip.Model, Tower.Image) + 2));
        Assert.Equal([.. plain.Parameters.Specs.Select(spec => spec.Name)], decayed.Parameters.Specs.Select(spec => spec.Name).ToArray());
        Assert.Equal(plain.Parameters.Trained, decayed.Parameters.Trained);
        Assert.Equal(plain.Parameters.Updated.Length, decayed.Parameters.Ranges.Sum(range => range.Length));
        Assert.Equal(plain.Parameters.Master.AsSpan<float>(), decayed.Parameters.Master.AsSpan<float>());
    }
}
