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

/// <summary>The objective of two views compared with its definition on the full matrix, under autograd.</summary>
public class TwoViewTests
{
    private const int Samples = 7;

    [Theory]
    [InlineData("registers")]
    [InlineData("resnet")]
    public void Loss_and_gradients_equal_the_definition(string variant)
    {
        var options = TinyClip.Run(objective: Objective.TwoViews) with { Model = ModelVariants.All[variant] };
        using var state = new TrainingState(options);
        var batch = TinyClip.Batch(0, Samples, tower: options.Model.Image, views: 2);
        var parameters = state.Model.Parameters;
        var loss = Definition(state.Model, batch.Images_b3SS);
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

    [Fact]
    public void A_non_finite_pixel_of_the_second_view_names_its_sample()
    {
        var options = TinyClip.Run(objective: Objective.TwoViews);
        using var state = new TrainingState(options);
        var batch = TinyClip.Batch(0, Samples, views: 2);
        batch.Images_b3SS.AsSpan<float>()[(((2 * 4) + 1) * 3 * 24 * 24) + 17] = float.NaN;
        var error = Assert.Throws<NonFiniteException>(() => Step(state, options).Take(batch, [Samples]));
        Assert.Contains("the embedding of the second view is not finite", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch: sample-4.", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Cross-entropy of rows and columns of the cosines between the views of even and of odd rows.</summary>
    private static torch.Tensor Definition(ClipModel model, torch.Tensor images_b3SS)
    {
        var segments = model.FeatureSegments(statistics: new BatchStatistics(model.Parameters));
        var views_b2D = nn.functional.normalize(TowerPass.Forward(segments, images_b3SS), 2, -1).view([Samples, 2, -1]);
        var logits_bb = views_b2D.select(1, 0).mm(views_b2D.select(1, 1).t()) * model.Parameters[ClipModel.LogitScale].exp();
        var own_b = arange(Samples, int64);
        return (nn.functional.cross_entropy(logits_bb, own_b) + nn.functional.cross_entropy(logits_bb.t(), own_b)) / 2;
    }

    private static TrainingStep Step(TrainingState state, RunOptions options) =>
        new(state, options.Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100));
}
