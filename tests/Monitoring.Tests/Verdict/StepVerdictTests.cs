using System.Globalization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Tests.Verdict;

public sealed class StepVerdictTests
{
    private static readonly LoaderMetrics s_idle = Loader(read: 0.1, decode: 0.1, tokenize: 0.1);

    [Theory]
    [InlineData(0.9, 0.2, 0.1, Bound.Reading)]
    [InlineData(0.2, 0.9, 0.1, Bound.Decoding)]
    [InlineData(0.2, 0.1, 0.9, Bound.Tokenizing)]
    public void A_wait_for_data_names_the_stage(double read, double decode, double tokenize, Bound bound)
    {
        var verdict = Of(_ => With(Records.Step(1, 2, dataWait: 0.6), Loader(read, decode, tokenize)));
        Assert.Equal(bound, verdict.Bound);
        Assert.Equal(2.5, verdict.Gain, 6);
        Assert.Contains("60", verdict.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_that_starve_say_that_reading_is_slow() =>
        Assert.Equal(
            Bound.Reading,
            Of(_ => With(Records.Step(1, 2, dataWait: 0.6), s_idle with { Decode = new StageMetrics(1, 0.3, 0.7, 0) })).Bound
        );

    [Fact]
    public void A_rank_that_others_wait_for_is_named()
    {
        var verdict = Of(_ => Records.Step(1, 2, busy: [0.5, 0.98, 0.5]));
        Assert.Equal(Bound.Straggler, verdict.Bound);
        Assert.StartsWith("Rank 1", verdict.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Ranks_that_all_wait_wait_for_the_exchange()
    {
        var verdict = Of(_ => Records.Step(1, 2, busy: [0.6, 0.6]));
        Assert.Equal(Bound.Exchange, verdict.Bound);
        Assert.Equal(1 / 0.6, verdict.Gain, 6);
    }

    [Fact]
    public void Decoding_on_fewer_threads_than_cores_asks_for_more_threads_and_promises_no_more_than_they_give()
    {
        var decoding = Loader(read: 0.2, decode: 0.9, tokenize: 0.1);
        var one = Of(_ => With(Records.Step(1, 2, dataWait: 0.8), decoding with { Threads = 1, Cores = 2 }));
        Assert.Equal(Bound.DecodingThreads, one.Bound);
        Assert.Equal(2, one.Gain, 6);
        Assert.Contains("data.threads: 2", one.Text, StringComparison.Ordinal);

        var all = Of(_ => With(Records.Step(1, 2, dataWait: 0.8), decoding with { Threads = 2, Cores = 2 }));
        Assert.Equal(Bound.Decoding, all.Bound);
        Assert.Equal(5, all.Gain, 6);
    }

    /// <summary>Shares of phases, utilisation and pairs of runs that bench/Verdicts made slow.</summary>
    [Theory]
    [InlineData(
        "checkpoint=0.62 image_backward=0.2 text_backward=0.1 optimizer=0.03",
        0.1,
        128,
        Bound.Checkpoints,
        "checkpoint.every_steps"
    )]
    [InlineData("optimizer=0.52 image_backward=0.2 text_backward=0.2", 0.02, 4, Bound.Optimizer, "training.global_batch")]
    [InlineData("loss=0.7 image_backward=0.1 text_backward=0.1 data_wait=0.01", 0.01, 4096, Bound.Loss, "training.global_batch")]
    [InlineData("image_backward=0.45 text_backward=0.4 optimizer=0.05", 0.04, 2, Bound.SmallBatch, "training.global_batch")]
    [InlineData("image_backward=0.15 text_backward=0.5 text_forward=0.25", 0.4, 128, Bound.TextTower, "model.text.context")]
    [InlineData("image_backward=0.5 image_forward=0.3 text_backward=0.15", 0.4, 128, Bound.ImageTower, "model.image.patch_dropout")]
    public void A_phase_that_takes_more_than_it_should_is_named_with_the_key_to_change(
        string shares,
        double mfu,
        int pairs,
        Bound bound,
        string key
    )
    {
        var verdict = Of(step => WithPhases(step, shares, mfu, pairs));
        Assert.Equal(bound, verdict.Bound);
        Assert.Contains(key, verdict.Text, StringComparison.Ordinal);
        Assert.True(verdict.Gain > 1.2);
    }

    [Fact]
    public void A_model_of_one_tower_is_not_told_of_another()
    {
        var both = Of(step => WithPhases(step, "image_backward=0.5 image_forward=0.3 text_backward=0.15", 0.4, 128)).Text;
        Assert.Contains("15 % is the other tower", both, StringComparison.Ordinal);
        var one = Of(step => WithPhases(step, "image_backward=0.6 image_forward=0.35", 0.4, 128)).Text;
        Assert.Contains("95 % of a step. With", one, StringComparison.Ordinal);
        Assert.DoesNotContain("other tower", one, StringComparison.Ordinal);
    }

    [Fact]
    public void Towers_in_fp32_are_told_what_bf16_would_give_on_this_machine()
    {
        var record = WithPhases(1, "image_backward=0.6 text_backward=0.3", mfu: 0.4, pairs: 128);
        var verdict = Of(_ => record with { Metrics = record.Metrics with { Bf16Speedup = 3 } });
        Assert.Contains("training.precision: bf16", verdict.Text, StringComparison.Ordinal);
        Assert.Equal(1 / (0.1 + 0.3), verdict.Gain, 6);
    }

    [Fact]
    public void The_larger_of_two_causes_is_the_verdict()
    {
        var checkpoints = WithPhases(1, "checkpoint=0.5 image_backward=0.2", mfu: 0.3, pairs: 128);
        Assert.Equal(Bound.Checkpoints, Of(_ => WithWait(checkpoints, 0.3)).Bound);
        Assert.Equal(Bound.Decoding, Of(_ => WithWait(checkpoints, 0.6)).Bound);

        static StepRecord WithWait(StepRecord record, double wait) =>
            record with
            {
                Metrics = record.Metrics with { DataWaitShare = wait },
            };
    }

    [Fact]
    public void Else_the_arithmetic_bounds_the_run() =>
        Assert.Equal(Bound.Compute, Of(_ => Records.Step(1, 2, busy: [0.97, 0.96], dataWait: 0.02)).Bound);

    [Fact]
    public void One_step_is_no_ground_for_a_verdict() => Assert.Null(StepVerdict.Of([Records.Step(1, 2)]));

    private static StepVerdict Of(Func<int, StepRecord> record) => StepVerdict.Of([.. Enumerable.Range(1, 20).Select(record)])!;

    private static StepRecord WithPhases(long step, string shares, double mfu, int pairs)
    {
        var record = Records.Step(step, 2);
        return record with
        {
            Metrics = record.Metrics with
            {
                Mfu = mfu,
                Phases = shares
                    .Split(' ')
                    .Select(share => share.Split('='))
                    .ToDictionary(share => share[0], share => double.Parse(share[1], CultureInfo.InvariantCulture), StringComparer.Ordinal),
            },
            Shares = [record.Shares[0] with { Samples = pairs }],
        };
    }

    private static StepRecord With(StepRecord record, LoaderMetrics loader) =>
        record with
        {
            Metrics = record.Metrics with { Loader = loader },
        };

    private static LoaderMetrics Loader(double read, double decode, double tokenize) =>
        new(
            new StageMetrics(1, read, 0, 0),
            new StageMetrics(1, decode, 0, 0),
            new StageMetrics(1, tokenize, 0, 0),
            new StageMetrics(1, 0.01, 0, 0),
            0,
            0
        );
}
