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
    public void Else_the_arithmetic_bounds_the_run() =>
        Assert.Equal(Bound.Compute, Of(_ => Records.Step(1, 2, busy: [0.97, 0.96], dataWait: 0.02)).Bound);

    [Fact]
    public void One_step_is_no_ground_for_a_verdict() => Assert.Null(StepVerdict.Of([Records.Step(1, 2)]));

    private static StepVerdict Of(Func<int, StepRecord> record) => StepVerdict.Of([.. Enumerable.Range(1, 20).Select(record)])!;

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
