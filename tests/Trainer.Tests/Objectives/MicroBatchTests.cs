using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Objectives;

public class MicroBatchTests
{
    private const int GlobalBatch = 13;
    private static readonly int[] MicroBatches = [0, 1, 2, 5, 13];

    public static TheoryData<Objective, int, Precision, double> Grid()
    {
        var grid = new TheoryData<Objective, int, Precision, double>();
        foreach (var worldSize in new[] { 1, 2, 3 })
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                foreach (var patchDropout in new[] { 0, 0.5 })
                {
                    grid.Add(Objective.Contrastive, worldSize, precision, patchDropout);
                }

                foreach (var objective in Enum.GetValues<Objective>().Skip(1))
                {
                    grid.Add(objective, worldSize, precision, objective == Objective.TwoViews ? 0 : 0.5);
                }
            }
        }

        return grid;
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Loss_and_gradients_equal_a_single_pass_of_a_single_process(
        Objective objective,
        int worldSize,
        Precision precision,
        double patchDropout
    )
    {
        var (expectedLoss, expected) = Ranks.Run(
            1,
            group =>
                LossAndGradients(
                    group,
                    new TrainingOptions
                    {
                        GlobalBatch = GlobalBatch,
                        Precision = precision,
                        Objective = objective,
                    },
                    patchDropout
                )
        )[0];
        var choices =
            from micro in MicroBatches
            from checkpointing in Enum.GetValues<ActivationCheckpointing>()
            select new TrainingOptions
            {
                GlobalBatch = GlobalBatch,
                Precision = precision,
                Objective = objective,
                MicroBatch = micro,
                ActivationCheckpointing = checkpointing,
            };
        var ranks = Ranks.Run(
            worldSize,
            group => choices.Select(options => (options, LossAndGradients(group, options, patchDropout))).ToArray()
        );

        // In bf16 each micro-batch rounds its activations' and weights' gradients to 8 bits. Two views are twice the images, and so
        // much alike before training that the logit scale's gradient is a small difference of large cosines.
        var tolerance =
            precision != Precision.Fp32 ? 0.03
            : objective == Objective.TwoViews ? 4e-6
            : 1e-6;
        foreach (var (options, (loss, gradients)) in ranks.SelectMany(rank => rank))
        {
            Assert.Equal(expectedLoss, loss, tolerance * expectedLoss);
            var difference = Norms.RelativeDifference(gradients, expected);
            Assert.True(
                difference <= tolerance,
                $"micro-batch {options.MicroBatch}, checkpointing {options.ActivationCheckpointing}: {difference:E2}"
            );
        }
    }

    [Fact]
    public void Captions_are_computed_up_to_the_longest_of_their_micro_batch()
    {
        var batch = TinyClip.Batch(0, 6);
        batch.Ends_b.AsSpan<long>()[..3].Fill(3);
        using var state = new TrainingState(TinyClip.Run());
        var whole = new EncodingPass(state.Model, batch, new TrainingOptions { GlobalBatch = 6 }).EncodeTexts();
        var parts = new EncodingPass(state.Model, batch, new TrainingOptions { GlobalBatch = 6, MicroBatch = 3 }).EncodeTexts();
        Assert.InRange(Norms.RelativeDifference(parts.AsSpan<float>(), whole.AsSpan<float>()), 0, 1e-6);
    }

    private static (double Loss, float[] Gradients) LossAndGradients(RankGroup group, TrainingOptions options, double patchDropout)
    {
        using var state = new TrainingState(TinyClip.Run(options.Precision, objective: options.Objective));
        using var step = new TrainingStep(state, options, group, new LearningRateSchedule(1e-2, 2, 10));
        var slices = Enumerable
            .Range(0, group.WorldSize)
            .Select(rank => SampleOrder.LocalSlice(GlobalBatch, rank, group.WorldSize))
            .ToArray();
        var (start, count) = slices[group.Rank];
        var batch = TinyClip.Batch(start, count, patchDropout, views: options.Objective.Views());
        var loss = step.ComputeGradients(batch, [.. slices.Select(slice => (long)slice.Count)]);
        group.AllReduceSum(state.Model.Parameters.Gradients);
        return (loss, state.Model.Parameters.Gradients.AsSpan<float>().ToArray());
    }
}
