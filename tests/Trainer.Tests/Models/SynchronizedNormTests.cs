using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

/// <summary>Synchronised BatchNorms, compared with a single process whose BatchNorms see the whole batch.</summary>
public sealed class SynchronizedNormTests
{
    private const int GlobalBatch = 12;
    private const double Scale = 1 / 0.07;

    private static readonly int[] InOrder = [.. Enumerable.Range(0, GlobalBatch)];

    public static TheoryData<int[]> Shares { get; } = new([12], [6, 6], [11, 1], [0, 12], [4, 4, 4], [7, 0, 5], [3, 3, 3, 3], [1, 8, 0, 3]);

    [Theory, MemberData(nameof(Shares))]
    public void Gradients_and_statistics_equal_those_of_a_single_process(int[] shares)
    {
        foreach (var checkpointing in Enum.GetValues<ActivationCheckpointing>())
        {
            var options = Options(Precision.Fp32) with { ActivationCheckpointing = checkpointing };
            AssertSame(Gradients(shares, options, InOrder), Gradients([GlobalBatch], options, InOrder)[0]);
        }
    }

    // Rounding to bf16 decides the last bit of a statistic, so gradients are compared with those of fp32.
    [Theory, MemberData(nameof(Shares))]
    public void In_bf16_gradients_are_as_close_to_fp32_as_those_of_a_single_process(int[] shares)
    {
        var exact = Flat(Gradients([GlobalBatch], Options(Precision.Fp32), InOrder)[0].Gradients);
        var alone = Norms.RelativeDifference(Flat(Gradients([GlobalBatch], Options(Precision.Bf16), InOrder)[0].Gradients), exact);
        foreach (var (_, gradients) in Gradients(shares, Options(Precision.Bf16), InOrder))
        {
            Assert.InRange(Norms.RelativeDifference(Flat(gradients), exact), 0, 1.1 * alone);
        }
    }

    // The n-th micro-batches of the ranks together form the n-th micro-batch of a single process.
    [Theory]
    [InlineData(new[] { 6, 6 }, 2, 4, new[] { 0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11 })]
    [InlineData(new[] { 8, 4 }, 4, 8, new[] { 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7 })]
    [InlineData(new[] { 0, 12 }, 5, 5, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 })]
    [InlineData(new[] { 6, 2, 4 }, 4, 10, new[] { 0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 4, 5 })]
    public void A_micro_batch_is_normalised_over_all_ranks(int[] shares, int microBatch, int together, int[] order)
    {
        foreach (var checkpointing in Enum.GetValues<ActivationCheckpointing>())
        {
            var options = Options(Precision.Fp32) with { ActivationCheckpointing = checkpointing };
            var whole = Gradients([GlobalBatch], options with { MicroBatch = together }, order)[0];
            AssertSame(Gradients(shares, options with { MicroBatch = microBatch }, [.. Enumerable.Range(0, GlobalBatch)]), whole);
        }
    }

    [Theory]
    [InlineData(0, Precision.Fp32)]
    [InlineData(3, Precision.Bf16)]
    public void Ranks_stay_bitwise_equal_and_one_rank_equals_plain_BatchNorm(int microBatch, Precision precision)
    {
        var options = Options(precision) with { MicroBatch = microBatch };
        var ranks = Ranks.Run(3, group => StateAfterSteps(group, options, [6, 1, 5]), withStatistics: true);
        Assert.All(ranks, state => Assert.Equal(ranks[0], state));
        Assert.Equal(
            StateAfterSteps(new RankGroup(), options, [12]),
            Ranks.Run(1, group => StateAfterSteps(group, options with { SyncBatchNorm = true }, [12]), withStatistics: true)[0]
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_rank_lost_during_backward_leaves_the_others_state_intact(bool leaves)
    {
        using var over = new CancellationTokenSource();
        using var rankOneIsGone = new ManualResetEventSlim();
        long[] counts = [6, 6];
        var options = Options(Precision.Fp32) with { MicroBatch = 3 };
        var state = Ranks.Run(
            2,
            group =>
            {
                using var state = new TrainingState(Run(options));
                if (group.Rank == 1)
                {
                    GoToTheLossAndStop(state.Model, group, options, counts);
                    if (leaves)
                    {
                        group.Dispose();
                    }
                    else
                    {
                        over.Cancel();
                    }

                    rankOneIsGone.Wait(Ranks.Patience);
                    return [];
                }

                var before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                try
                {
                    using (var step = Step(state, options, group))
                    {
                        Assert.Equal(
                            !leaves,
                            Assert.Throws<DistributedException>(() => step.Take(Batch([.. Enumerable.Range(0, 6)]), counts)).Aborted
                        );
                    }

                    Assert.Equal(before, state.Model.Parameters.Master.AsSpan<float>().ToArray());
                    Assert.Equal(0, state.Step);
                    group.Abandon();
                    state.Model.Parameters.ReplaceGradients();
                }
                finally
                {
                    rankOneIsGone.Set();
                }

                Take(state, options, new RankGroup(), [12], 0);
                return state.Model.Parameters.Master.AsSpan<float>().ToArray();
            },
            withStatistics: true,
            staysTogether: false,
            over.Token
        )[0];

        using var unharmed = new TrainingState(Run(options));
        Take(unharmed, options, new RankGroup(), [12], 0);
        Assert.Equal(unharmed.Model.Parameters.Master.AsSpan<float>().ToArray(), state);
    }

    private static void GoToTheLossAndStop(ClipModel model, RankGroup group, TrainingOptions options, long[] counts)
    {
        using var scope = NewDisposeScope();
        var pass = new EncodingPass(model, Batch([.. Enumerable.Range(6, 6)]), options, group.Statistics, counts);
        var texts = group.BeginAllGatherRows(pass.EncodeTexts(), counts);
        new ContrastiveLoss(group, options.LossTileRows).Compute(pass.EncodeImages(), texts.Wait(), counts, Scale);
    }

    private static void AssertSame(
        (double Loss, Dictionary<string, float[]> Gradients)[] ranks,
        (double Loss, Dictionary<string, float[]> Gradients) whole
    )
    {
        foreach (var (loss, gradients) in ranks)
        {
            Assert.Equal(whole.Loss, loss, 1e-6 * whole.Loss);
            Norms.AssertSameGradients(whole.Gradients, gradients, rounding: 4);
        }
    }

    private static float[] Flat(Dictionary<string, float[]> gradients) =>
        [.. gradients.OrderBy(entry => entry.Key, StringComparer.Ordinal).SelectMany(entry => entry.Value)];

    private static TrainingOptions Options(Precision precision) => TinyClip.Run(precision).Training;

    private static RunOptions Run(TrainingOptions training) => TinyClip.Run() with { Model = TinyClip.ResNet, Training = training };

    private static TrainingStep Step(TrainingState state, TrainingOptions options, RankGroup group) =>
        new(state, options, group, new LearningRateSchedule(1e-3, 1, 10));

    private static TrainingBatch Batch(int[] pairs)
    {
        var whole = TinyClip.Batch(0, 2 * GlobalBatch, tower: TinyClip.ResNet.Image);
        var rows = tensor([.. pairs.Select(pair => (long)pair)]);
        return pairs.Length == 0
            ? TinyClip.Batch(0, 0, tower: TinyClip.ResNet.Image)
            : new TrainingBatch(
                whole.Images_b3SS.index_select(0, rows),
                whole.Tokens_bL.index_select(0, rows),
                whole.Ends_b.index_select(0, rows),
                null,
                [.. pairs.Select(pair => $"sample-{pair}")]
            );
    }

    private static (double Loss, Dictionary<string, float[]> Gradients)[] Gradients(int[] shares, TrainingOptions options, int[] order) =>
        Ranks.Run(
            shares.Length,
            group =>
            {
                Threads.Set(1);
                using var state = new TrainingState(Run(options));
                ModelVariants.GiveResidualsWeight(state.Model.Parameters);
                using var step = Step(state, options, group);
                var loss = step.ComputeGradients(
                    Batch([.. order.Skip(shares.Take(group.Rank).Sum()).Take(shares[group.Rank])]),
                    [.. shares.Select(share => (long)share)]
                );
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
            },
            withStatistics: true
        );

    private static float[] StateAfterSteps(RankGroup group, TrainingOptions options, int[] shares)
    {
        Threads.Set(1);
        using var state = new TrainingState(Run(options));
        for (var i = 0; i < 2; i++)
        {
            Take(state, options, group, shares, i * GlobalBatch);
        }

        return state.Model.Parameters.Master.AsSpan<float>().ToArray();
    }

    private static void Take(TrainingState state, TrainingOptions options, RankGroup group, int[] shares, int first)
    {
        using var step = Step(state, options, group);
        step.Take(
            Batch([.. Enumerable.Range(first + shares.Take(group.Rank).Sum(), shares[group.Rank])]),
            [.. shares.Select(share => (long)share)]
        );
    }
}
