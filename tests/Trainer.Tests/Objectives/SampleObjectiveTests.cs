using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Trainer.Tests.Models;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>Image-only objectives compared with their definition, computed one sample at a time under autograd.</summary>
public class SampleObjectiveTests
{
    private const int Samples = 6;

    [Theory]
    [InlineData(Objective.BagOfWords)]
    [InlineData(Objective.Captioning)]
    [InlineData(Objective.Classification)]
    public void Loss_and_gradients_equal_the_definition(Objective objective) => AssertIsDefinition(TinyClip.Run(objective: objective));

    [Theory]
    [InlineData("resnet")]
    [InlineData("registers")]
    [InlineData("average with registers and sines")]
    public void Captions_can_be_predicted_from_every_image_tower(string variant) =>
        AssertIsDefinition(TinyClip.Run(objective: Objective.Captioning) with { Model = ModelVariants.All[variant] });

    [Fact]
    public void Words_are_the_captions_distinct_tokens_and_an_empty_caption_counts_nothing()
    {
        var options = TinyClip.Run(objective: Objective.BagOfWords);
        using var state = new TrainingState(options);
        var (once, twice) = (TinyClip.Batch(0, 2), TinyClip.Batch(0, 2));
        foreach (var batch in new[] { once, twice })
        {
            batch.Ends_b.AsSpan<long>()[0] = 1;
            batch.Tokens_bL.AsSpan<long>().Slice(TinyClip.Model.Text.Context, 4).Fill(8);
        }

        once.Ends_b.AsSpan<long>()[1] = 2;
        twice.Ends_b.AsSpan<long>()[1] = 4;

        var losses = new[] { once, twice }.Select(batch => Step(state, options).ComputeGradients(batch, [2])).ToArray();

        using var guard = no_grad();
        var scores = Logits(state.Model, state.Model.FeatureSegments(), once.Images_b3SS.narrow(0, 1, 1))
            .log_softmax(1)
            .AsSpan<float>()
            .ToArray();
        Assert.Equal(-scores[8], losses[0], 1e-5);
        Assert.Equal(losses[0], losses[1], 1e-6);
    }

    [Fact]
    public void A_token_is_predicted_only_from_the_image_and_the_preceding_tokens()
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3, objective: Objective.Captioning);
        using var guard = no_grad();
        var batch = TinyClip.Batch(0, 1);
        var before = Rows(batch);
        batch.Tokens_bL.AsSpan<long>()[5] ^= 1;
        var after = Rows(batch);
        Assert.Equal(before[..(5 * 24)], after[..(5 * 24)]);
        Assert.NotEqual(before[(5 * 24)..(6 * 24)], after[(5 * 24)..(6 * 24)]);
        batch.Images_b3SS.mul_(2);
        Assert.NotEqual(before[..24], Rows(batch)[..24]);

        float[] Rows(TrainingBatch of) =>
            TowerPass.Forward(model.CaptionSegments(of.Tokens_bL, arange(8, int64), 8), of.Images_b3SS).AsSpan<float>().ToArray();
    }

    [Fact]
    public void The_model_contains_only_parts_that_the_objective_trains()
    {
        foreach (var objective in Enum.GetValues<Objective>())
        {
            var options = TinyClip.Run(objective: objective);
            using var state = new TrainingState(options);
            Step(state, options).ComputeGradients(TinyClip.Batch(0, Samples, views: objective.Views()), [Samples]);
            var parameters = state.Model.Parameters;
            Assert.All(
                parameters.Specs,
                spec =>
                    Assert.True(
                        SumOfSquares.Of(parameters.View(parameters.Gradients, spec.Name).flatten()) > 0,
                        $"{objective}: {spec.Name}"
                    )
            );
        }
    }

    [Fact]
    public void A_non_finite_pixel_names_its_sample()
    {
        var options = TinyClip.Run(objective: Objective.Captioning);
        using var state = new TrainingState(options);
        var batch = TinyClip.Batch(0, Samples);
        batch.Images_b3SS.AsSpan<float>()[(4 * 3 * 24 * 24) + 17] = float.NaN;
        var error = Assert.Throws<NonFiniteException>(() => Step(state, options).Take(batch, [Samples]));
        Assert.Contains("the loss is not finite", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch: sample-4.", error.Message, StringComparison.Ordinal);
    }

    private static void AssertIsDefinition(RunOptions options)
    {
        var batch = TinyClip.Batch(0, Samples, tower: options.Model.Image);
        using var state = new TrainingState(options);
        var parameters = state.Model.Parameters;
        // A ResNet normalises with the batch's statistics, so its samples go through it together.
        var loss = Definition(options, state.Model, batch);
        ClipTrain.Torch.Operators.Gradients.Run(loss, ones_like(loss));
        parameters.Collect();
        var expected = Gradients();

        Assert.Equal(loss.item<float>(), Step(state, options).ComputeGradients(batch, [Samples]), 1e-5);
        Norms.AssertSameGradients(expected, Gradients(), rounding: 10);

        Dictionary<string, float[]> Gradients() =>
            parameters
                .Specs.Where(spec => !spec.IsStatistic)
                .ToDictionary(
                    spec => spec.Name,
                    spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray(),
                    StringComparer.Ordinal
                );
    }

    private static torch.Tensor Definition(RunOptions options, ClipModel model, TrainingBatch batch)
    {
        var (context, statistics) = (options.Model.Text.Context, new BatchStatistics(model.Parameters));
        var (tokens, ends) = (batch.Tokens_bL.AsSpan<long>().ToArray(), batch.Ends_b.AsSpan<long>().ToArray());
        if (options.Training.Objective == Objective.Captioning)
        {
            var rows = Enumerable
                .Range(0, Samples)
                .SelectMany(i => Enumerable.Range(0, (int)ends[i]).Select(t => (long)((i * context) + t)))
                .ToArray();
            var features_nW = TowerPass.Forward(
                model.CaptionSegments(batch.Tokens_bL, tensor(rows), context, statistics: statistics),
                batch.Images_b3SS
            );
            return nn.functional.cross_entropy(
                features_nW.MatMul(model.Parameters[CaptionDecoder.TokenEmbedding].t()),
                tensor([.. rows.Select(row => tokens[row + 1])])
            );
        }

        var logits_bC = Logits(model, model.FeatureSegments(statistics: statistics), batch.Images_b3SS);
        if (options.Training.Objective == Objective.Classification)
        {
            return nn.functional.cross_entropy(logits_bC, batch.Labels_b!);
        }

        var words = zeros([Samples, options.Model.Text.Vocabulary], float32);
        for (var i = 0; i < Samples; i++)
        {
            var distinct = tokens[((i * context) + 1)..((i * context) + (int)ends[i])].ToHashSet();
            foreach (var token in distinct)
            {
                words.AsSpan<float>()[(i * options.Model.Text.Vocabulary) + (int)token] = 1f / distinct.Count;
            }
        }

        return (logits_bC.log_softmax(1) * words).sum() * (-1.0 / Samples);
    }

    private static torch.Tensor Logits(ClipModel model, IReadOnlyList<Segment> segments, torch.Tensor images_b3SS) =>
        Products.Linear(
            TowerPass.Forward(segments, images_b3SS),
            model.Parameters[ClassifierHead.Weight],
            model.Parameters[ClassifierHead.Bias]
        );

    private static TrainingStep Step(TrainingState state, RunOptions options) =>
        new(state, options.Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100));
}
