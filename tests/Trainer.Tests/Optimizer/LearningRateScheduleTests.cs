using ClipTrain.Trainer.Optimizer;

namespace ClipTrain.Trainer.Tests.Optimizer;

public class LearningRateScheduleTests
{
    private static readonly LearningRateSchedule Schedule = new(Peak: 1e-3, WarmupSteps: 4, TotalSteps: 24);

    [Theory]
    [InlineData(0, 0.25e-3)]
    [InlineData(3, 1e-3)]
    [InlineData(4, 1e-3)]
    [InlineData(14, 0.5e-3)]
    [InlineData(24, 0)]
    [InlineData(99, 0)]
    public void The_rate_rises_linearly_and_decays_as_half_a_cosine(long step, double expected) =>
        Assert.Equal(expected, Schedule.At(step), 1e-12);

    [Fact]
    public void A_run_without_warm_up_starts_at_the_peak() => Assert.Equal(2, new LearningRateSchedule(2, 0, 10).At(0));

    [Fact]
    public void A_run_shorter_than_its_warm_up_never_reaches_the_peak() =>
        Assert.Equal(0.5, new LearningRateSchedule(1, 10, 5).At(4), 1e-12);
}
