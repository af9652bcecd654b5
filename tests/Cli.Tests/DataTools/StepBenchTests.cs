using ClipTrain.Cli.DataTools;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Tests;

namespace ClipTrain.Cli.Tests.DataTools;

public sealed class StepBenchTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [InlineData("contrastive")]
    [InlineData("bag_of_words")]
    public void Every_phase_that_a_step_has_is_measured_within_its_time(string objective)
    {
        var options = RunConfig
            .Load(
                _corpus.PathOf(_corpus.RunFile),
                [
                    $"training.objective={objective}",
                    $"data.train=[{_corpus.PathOf("train.parquet")}]",
                    $"data.merges={_corpus.PathOf("merges.txt")}",
                    "evaluation={}",
                ]
            )
            .Options;

        var result = new StepBench(options, RunCorpus.Select(options), cores: 1).Run(TimeSpan.Zero, CancellationToken.None);

        Assert.Equal((3, 5), (result.Steps, result.Pairs));
        StepPhase[] phases = [StepPhase.ImageForward, StepPhase.Loss, StepPhase.ImageBackward, StepPhase.Optimizer];
        Assert.All(phases, phase => Assert.True(result.Phases[phase] > 0, $"{phase}"));
        Assert.Equal(objective == "contrastive", result.Phases[StepPhase.TextBackward] > 0);
        Assert.InRange(result.Phases.Values.Sum(), 0, result.Seconds);
    }

    [Theory]
    [InlineData(StepPhase.DataWait, 0.5, "Bound by data: 50.0%", "2.00 times")]
    [InlineData(StepPhase.Optimizer, 0.4, "Bound by the optimizer", "1.67 times")]
    [InlineData(StepPhase.Loss, 0.5, "Bound by the loss", "2.00 times")]
    [InlineData(StepPhase.ImageBackward, 1, "Bound by the towers in fp32", "up to 2.00 times")]
    public void The_verdict_names_the_largest_cost_and_the_gain_to_expect(StepPhase phase, double share, string cause, string gain)
    {
        var verdict = StepAdvice.Of(Result(phase, share, bf16: 2e9), Run(Precision.Fp32));

        Assert.Contains(cause, verdict, StringComparison.Ordinal);
        Assert.Contains(gain, verdict, StringComparison.Ordinal);
    }

    [Fact]
    public void Towers_that_compute_in_bf16_are_named_with_the_share_of_the_peak()
    {
        var verdict = StepAdvice.Of(Result(StepPhase.ImageBackward, 1, bf16: 2e9), Run(Precision.Bf16));

        Assert.Contains("Bound by computing the towers, at 25.0%", verdict, StringComparison.Ordinal);
    }

    private static RunOptions Run(Precision precision) =>
        TinyClip.Run() with
        {
            Training = TinyClip.Run().Training with { Precision = precision },
        };

    private static StepBenchResult Result(StepPhase phase, double share, double bf16)
    {
        var phases = Enum.GetValues<StepPhase>().ToDictionary(each => each, each => each == phase ? share : 0);
        phases[StepPhase.ImageForward] += 1 - share;
        var peaks = new Dictionary<Precision, double> { [Precision.Fp32] = 1e9, [Precision.Bf16] = bf16 };
        return new StepBenchResult(10, 8, 1, phases, ImageFlops: 4e8, TextFlops: 1e8, peaks);
    }
}
