using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimization;
using ClipTrain.Trainer.Training;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Tests.Training;

public class DistributedEquivalenceTests
{
    private const int GlobalBatch = 13;
    private const double Tolerance = 1e-6;

    private static readonly (double Loss, Dictionary<string, float[]> Gradients) OneProcess = LossAndGradients(1)[0];

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Loss_and_gradients_do_not_depend_on_the_number_of_ranks(int worldSize)
    {
        foreach (var (loss, gradients) in LossAndGradients(worldSize))
        {
            Assert.Equal(OneProcess.Loss, loss, Tolerance * OneProcess.Loss);
            Norms.AssertSameGradients(OneProcess.Gradients, gradients);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void All_ranks_hold_bitwise_equal_weights_after_several_steps(int worldSize)
    {
        var weights = Ranks.Run(worldSize, group =>
        {
            using var state = new TrainingState(TinyClip.Run());
            using var step = new TrainingStep(state, TinyClip.Run().Training, group, new LearningRateSchedule(1e-2, 2, 10));
            for (var i = 0; i < 4; i++)
                step.Take(Share(group.Rank, worldSize, i * GlobalBatch), Counts(worldSize));
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        Assert.All(weights, rank => Assert.Equal(weights[0], rank));
    }

    [Fact]
    public void A_rank_whose_whole_share_is_unusable_still_takes_part()
    {
        long[] counts = [7, 0];
        var results = Ranks.Run(2, group =>
        {
            using var state = new TrainingState(TinyClip.Run());
            using var step = new TrainingStep(state, TinyClip.Run().Training, group, new LearningRateSchedule(1e-2, 2, 10));
            step.Take(TinyClip.Batch(0, (int)counts[group.Rank]), counts);
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        var alone = Ranks.Run(1, group =>
        {
            using var state = new TrainingState(TinyClip.Run());
            new TrainingStep(state, TinyClip.Run().Training, group, new LearningRateSchedule(1e-2, 2, 10)).Take(TinyClip.Batch(0, 7), [7]);
            return state.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        Assert.Equal(alone[0], results[0]);
        Assert.Equal(alone[0], results[1]);
    }

    private static (double Loss, Dictionary<string, float[]> Gradients)[] LossAndGradients(int worldSize) => Ranks.Run(worldSize, group =>
    {
        using var state = new TrainingState(TinyClip.Run(Precision.Fp32));
        using var step = new TrainingStep(state, TinyClip.Run().Training, group, new LearningRateSchedule(1e-2, 2, 10));
        var loss = step.ComputeGradients(Share(group.Rank, worldSize, 0), Counts(worldSize), 1 / 0.07);
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
