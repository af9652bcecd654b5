using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimization;
using ClipTrain.Trainer.Training;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Training;

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
                grid.Add(objective, worldSize);
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
            Norms.AssertSameGradients(expected, gradients);
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void All_ranks_hold_bitwise_equal_weights_after_several_steps(Objective objective, int worldSize)
    {
        var options = TinyClip.Run(objective: objective);
        var weights = Ranks.Run(worldSize, group =>
        {
            using var state = new TrainingState(options);
            using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
            for (var i = 0; i < 4; i++)
                step.Take(Share(group.Rank, worldSize, i * GlobalBatch), Counts(worldSize));
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        Assert.All(weights, rank => Assert.Equal(weights[0], rank));
    }

    [Theory]
    [InlineData(Objective.Contrastive)]
    [InlineData(Objective.Sigmoid)]
    [InlineData(Objective.BagOfWords)]
    [InlineData(Objective.Captioning)]
    [InlineData(Objective.Classification)]
    public void A_rank_whose_whole_share_is_unusable_still_takes_part(Objective objective)
    {
        var options = TinyClip.Run(objective: objective);
        long[] counts = [7, 0];
        var results = Ranks.Run(2, group =>
        {
            using var state = new TrainingState(options);
            using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
            step.Take(TinyClip.Batch(0, (int)counts[group.Rank]), counts);
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        var alone = Ranks.Run(1, group =>
        {
            using var state = new TrainingState(options);
            new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10)).Take(TinyClip.Batch(0, 7), [7]);
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        Assert.Equal(alone[0], results[0]);
        Assert.Equal(alone[0], results[1]);
    }

    private static (double Loss, Dictionary<string, float[]> Gradients)[] LossAndGradients(Objective objective, int worldSize) => Ranks.Run(worldSize, group =>
    {
        var options = TinyClip.Run(objective: objective);
        using var state = new TrainingState(options);
        using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
        var loss = step.ComputeGradients(Share(group.Rank, worldSize, 0), Counts(worldSize));
        var parameters = state.Model.Parameters;
        group.AllReduceSum(parameters.Gradients);
        return (loss, parameters.Specs.ToDictionary(spec => spec.Name, spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray(), StringComparer.Ordinal));
    });

    private static TrainingBatch Share(int rank, int worldSize, int first)
    {
        var (start, count) = SampleOrder.LocalSlice(GlobalBatch, rank, worldSize);
        return TinyClip.Batch(first + start, count);
    }

    private static long[] Counts(int worldSize) => [.. Enumerable.Range(0, worldSize).Select(rank => (long)SampleOrder.LocalSlice(GlobalBatch, rank, worldSize).Count)];
}
