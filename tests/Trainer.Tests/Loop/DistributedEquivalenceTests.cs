using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Loop;

public class DistributedEquivalenceTests
{
    private const int GlobalBatch = 13;
    private const double Tolerance = 1e-6;

    private static readonly Dictionary<Objective, (double Loss, Dictionary<string, float[]> Gradients)> OneProcess =
        Enum.GetValues<Objective>().ToDictionary(objective => objective, objective => LossAndGradients(objective, 1)[0]);

    public static TheoryData<Objective, int> Grid()
    {
        var grid = new TheoryData<Objective, int>();
        foreach (var objective in Enum.GetValues<Objective>())
        {
            for (var worldSize = 1; worldSize <= 4; worldSize++)
            {
                grid.Add(objective, worldSize);
            }
        }

        return grid;
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Loss_and_gradients_do_not_depend_on_the_number_of_ranks(Objective objective, int worldSize)
    {
        var (expectedLoss, expected) = OneProcess[objective];
        foreach (var (loss, gradients) in LossAndGradients(objective, worldSize))
        {
            Assert.Equal(expectedLoss, loss, Tolerance * expectedLoss);
            // An untrained tower's views are all alike, so that the scale's gradient is a small difference of large cosines.
            var alike = objective == Objective.TwoViews;
            Norms.AssertSameGradients(expected, gradients, rounding: alike ? 10 : 1, cancelling: alike ? ClipModel.LogitScale : null);
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void All_ranks_hold_bitwise_equal_weights_after_several_steps(Objective objective, int worldSize)
    {
        var options = TinyClip.Run(objective: objective);
        var weights = Ranks.Run(
            worldSize,
            group =>
            {
                using var state = new TrainingState(options);
                using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
                for (var i = 0; i < 4; i++)
                {
                    step.Take(Share(objective, group.Rank, worldSize, i * GlobalBatch), Counts(worldSize));
                }

                return state.Model.Parameters.Master.AsSpan<float>().ToArray();
            }
        );
        Assert.All(weights, rank => Assert.Equal(weights[0], rank));
    }

    [Theory]
    [MemberData(nameof(Empties))]
    public void Ranks_without_usable_samples_take_part_and_change_nothing(Objective objective, Precision precision, long[] counts)
    {
        var expected = WeightsAfterAStep(objective, precision, [.. counts.Where(count => count > 0)]);
        Assert.All(WeightsAfterAStep(objective, precision, counts), rank => Assert.Equal(expected[0], rank));
    }

    /// <summary>Every objective and precision, with empty ranks at the beginning, in the middle and at the end.</summary>
    public static TheoryData<Objective, Precision, long[]> Empties()
    {
        var grid = new TheoryData<Objective, Precision, long[]>();
        foreach (var objective in Enum.GetValues<Objective>())
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                foreach (
                    var counts in (long[][])
                        [
                            [7, 0],
                            [0, 7],
                            [4, 0, 3],
                        ]
                )
                {
                    grid.Add(objective, precision, counts);
                }
            }
        }

        return grid;
    }

    /// <summary>Weights of each rank after one step with the given numbers of pairs per rank.</summary>
    private static float[][] WeightsAfterAStep(Objective objective, Precision precision, long[] counts) =>
        Ranks.Run(
            counts.Length,
            group =>
            {
                var options = TinyClip.Run(precision, objective: objective);
                using var state = new TrainingState(options);
                using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
                step.Take(TinyClip.Batch((int)counts[..group.Rank].Sum(), (int)counts[group.Rank], views: objective.Views()), counts);
                return state.Model.Parameters.Master.AsSpan<float>().ToArray();
            }
        );

    private static (double Loss, Dictionary<string, float[]> Gradients)[] LossAndGradients(Objective objective, int worldSize) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var options = TinyClip.Run(objective: objective);
                using var state = new TrainingState(options);
                using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
                var loss = step.ComputeGradients(Share(objective, group.Rank, worldSize, 0), Counts(worldSize));
                var parameters = state.Model.Parameters;
                group.AllReduceSum(parameters.Gradients);
                return (
                    loss,
                    parameters.Specs.ToDictionary(
                        spec => spec.Name,
                        spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray(),
                        StringComparer.Ordinal
                    )
                );
            }
        );

    private static TrainingBatch Share(Objective objective, int rank, int worldSize, int first)
    {
        var (start, count) = SampleOrder.LocalSlice(GlobalBatch, rank, worldSize);
        return TinyClip.Batch(first + start, count, views: objective.Views());
    }

    private static long[] Counts(int worldSize) =>
        [.. Enumerable.Range(0, worldSize).Select(rank => (long)SampleOrder.LocalSlice(GlobalBatch, rank, worldSize).Count)];
}
