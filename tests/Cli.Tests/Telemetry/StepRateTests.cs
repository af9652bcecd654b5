using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class StepRateTests
{
    [Fact]
    public void Before_the_first_step_the_rate_is_unknown()
    {
        var rate = new StepRate();

        Assert.Equal((0, 0), (rate.SecondsPerStep, rate.ImagesPerSecond));
        Assert.Null(rate.Remaining(10));
    }

    [Fact]
    public void The_first_step_has_full_weight()
    {
        var rate = new StepRate(0.5);

        rate.Add(seconds: 4, images: 100);

        Assert.Equal((4, 25), (rate.SecondsPerStep, rate.ImagesPerSecond));
        Assert.Equal(TimeSpan.FromSeconds(40), rate.Remaining(10));
    }

    [Fact]
    public void Weights_of_older_steps_decay_by_a_constant_factor()
    {
        var rate = new StepRate(0.5);

        rate.Add(seconds: 8, images: 80);
        rate.Add(seconds: 4, images: 80);
        rate.Add(seconds: 1, images: 80);

        // Weights 1/4, 1/2 and 1: (2 + 2 + 1) seconds over 7/4 steps, and 140 images in those 5 seconds.
        Assert.Equal(5 / 1.75, rate.SecondsPerStep);
        Assert.Equal(140 / 5.0, rate.ImagesPerSecond);
        Assert.Equal(TimeSpan.FromSeconds(20), rate.Remaining(7));
    }

    [Fact]
    public void A_constant_rate_is_reported_exactly()
    {
        var rate = new StepRate();
        for (var i = 0; i < 1000; i++)
        {
            rate.Add(seconds: 0.5, images: 64);
        }

        Assert.Equal(0.5, rate.SecondsPerStep, 12);
        Assert.Equal(128, rate.ImagesPerSecond, 9);
    }

    [Fact]
    public void An_overflowing_remaining_time_is_clamped_to_the_maximum()
    {
        var rate = new StepRate();
        rate.Add(seconds: 1e6, images: 1);

        Assert.Equal(TimeSpan.MaxValue, rate.Remaining(long.MaxValue));
    }
}
