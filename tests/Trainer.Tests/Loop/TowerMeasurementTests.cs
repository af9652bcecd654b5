using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Loop;

public class TowerMeasurementTests
{
    private const int Pairs = 12;

    [Fact]
    public void Every_tenth_step_measures_both_towers()
    {
        using var state = new TrainingState(TinyClip.Run());
        var results = Take(state, new RankGroup(), TinyClip.Run().Training, 20);

        for (var i = 0; i < results.Length; i++)
        {
            Assert.Equal(((i + 1) % 10 == 0, (i + 1) % 10 == 0), (results[i].ImageTower is not null, results[i].TextTower is not null));
        }

        foreach (var tower in new[] { results[9].ImageTower!, results[9].TextTower! })
        {
            Assert.InRange(tower.MeanCosine!.Value, -1, 1);
            Assert.InRange(tower.EffectiveRank!.Value, 1, Pairs - 1);
            Assert.Null(tower.Movement);
        }

        Assert.True(results[19].ImageTower!.Movement > 0);
        Assert.True(results[19].TextTower!.Movement > 0);

        // What is missing from the whole is the gradient of the logit scale.
        var towers = Math.Sqrt(Square(results[9].ImageTower!.GradientNorm) + Square(results[9].TextTower!.GradientNorm));
        Assert.InRange(towers, 0.5 * results[9].GradientNorm, results[9].GradientNorm * (1 + 1e-9));
    }

    [Fact]
    public void Ranks_that_hold_slices_of_the_gradient_measure_what_whole_ones_do()
    {
        var norms = new[] { false, true }
            .SelectMany(shard =>
            {
                var options = TinyClip.Run() with { Training = TinyClip.Run().Training with { ShardOptimizer = shard } };
                return Ranks.Run(
                    3,
                    group =>
                    {
                        using var state = new TrainingState(options, null, group.Rank, group.WorldSize);
                        var last = Take(state, group, options.Training, 10)[^1];
                        return (Image: last.ImageTower!.GradientNorm!.Value, Text: last.TextTower!.GradientNorm!.Value);
                    }
                );
            })
            .ToArray();

        Assert.All(
            norms,
            rank =>
            {
                Assert.Equal(norms[0].Image, rank.Image, 9);
                Assert.Equal(norms[0].Text, rank.Text, 9);
            }
        );
    }

    [Fact]
    public void A_locked_tower_has_embeddings_and_no_gradient()
    {
        var options = TinyClip.Run() with
        {
            Training = TinyClip.Run().Training with { UnlockedGroups = new UnlockedGroupsOptions { Image = 0 } },
        };
        using var state = new TrainingState(options);
        var last = Take(state, new RankGroup(), options.Training, 20)[^1];
        Assert.Null(last.ImageTower!.GradientNorm);
        Assert.Null(last.ImageTower.Movement);
        Assert.NotNull(last.ImageTower.MeanCosine);
        Assert.True(last.TextTower!.GradientNorm > 0);
    }

    [Fact]
    public void A_model_without_a_text_tower_measures_the_gradient_of_its_image_tower()
    {
        var options = TinyClip.Run(objective: Objective.Classification);
        using var state = new TrainingState(options);
        var last = Take(state, new RankGroup(), options.Training, 10)[^1];
        Assert.True(last.ImageTower!.GradientNorm > 0);
        Assert.Null(last.ImageTower.MeanCosine);
        Assert.Null(last.TextTower);
    }

    private static StepResult[] Take(TrainingState state, RankGroup group, TrainingOptions options, int steps)
    {
        using var step = new TrainingStep(state, options, group, new LearningRateSchedule(1e-3, 5, 100));
        long[] counts = [.. Enumerable.Repeat((long)Pairs, group.WorldSize)];
        return
        [
            .. Enumerable
                .Range(0, steps)
                .Select(i => step.Take(TinyClip.Batch(((i * group.WorldSize) + group.Rank) * Pairs, Pairs), counts)),
        ];
    }

    private static double Square(double? value) => value!.Value * value.Value;
}
