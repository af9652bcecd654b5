using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class PhiAccrualDetectorTests
{
    private static readonly DateTimeOffset Start = RunScript.Start;

    [Fact]
    public void Before_the_first_heartbeat_there_is_nothing_to_suspect() => Assert.Equal(0, new PhiAccrualDetector().Phi(Start));

    [Fact]
    public void At_the_mean_interval_one_in_two_heartbeats_is_still_to_come() =>
        Assert.Equal(Math.Log10(2), Regular(0.5, 10).Phi(End(0.5, 10) + TimeSpan.FromSeconds(0.5)), 12);

    /// <summary>−log10 of the exact tail of the normal distribution, which the approximation meets within 2 %.</summary>
    [Theory]
    [InlineData(1, 0.79955)]
    [InlineData(2, 1.64301)]
    [InlineData(3, 2.86970)]
    public void The_tail_is_that_of_the_normal_distribution(double deviations, double phi)
    {
        // Ten intervals of 1 s and ten of 3 s: mean 2, deviation 1.
        var (detector, now) = (new PhiAccrualDetector().RecordHeartbeat(Start), Start);
        for (var i = 0; i < 20; i++)
        {
            now += TimeSpan.FromSeconds(i % 2 == 0 ? 1 : 3);
            detector = detector.RecordHeartbeat(now);
        }

        Assert.Equal(phi, detector.Phi(now + TimeSpan.FromSeconds(2 + deviations)), 0.02 * phi);
    }

    [Fact]
    public void The_formula_gives_this_value()
    {
        // Deviation 0.2 s, the least: 1 s after the mean are 5 deviations.
        var logit = (1.5976 * 5) + (0.070566 * 125);
        Assert.Equal(Math.Log10(1 + Math.Exp(logit)), Regular(0.5, 10).Phi(End(0.5, 10) + TimeSpan.FromSeconds(1.5)), 9);
    }

    [Fact]
    public void Suspicion_only_grows_while_a_worker_is_silent_and_stays_a_number()
    {
        var last = -1.0;
        foreach (var seconds in new[] { 0, 0.1, 0.5, 1, 3, 10, 100, 1e4, 1e6 })
        {
            var phi = Regular(0.5, 10).Phi(End(0.5, 10) + TimeSpan.FromSeconds(seconds));
            Assert.True(phi > last && double.IsFinite(phi));
            last = phi;
        }
    }

    [Fact]
    public void The_same_silence_is_less_suspicious_in_an_irregular_worker()
    {
        var irregular = new PhiAccrualDetector()
            .RecordHeartbeat(Start)
            .RecordHeartbeat(Start.AddSeconds(1))
            .RecordHeartbeat(Start.AddSeconds(6));
        Assert.True(irregular.Phi(Start.AddSeconds(6 + 5)) < 1);
        Assert.True(Regular(1, 2).Phi(End(1, 2).AddSeconds(5)) > 8);
    }

    [Fact]
    public void Only_the_last_20_intervals_count_and_a_heartbeat_twice_is_one()
    {
        var detector = Regular(5, 30);
        var now = End(5, 30);
        for (var i = 0; i < PhiAccrualDetector.Window; i++)
        {
            now += TimeSpan.FromSeconds(0.5);
            detector = detector.RecordHeartbeat(now).RecordHeartbeat(now);
        }

        Assert.Equal(Enumerable.Repeat(0.5, 20), detector.Intervals);
    }

    private static PhiAccrualDetector Regular(double seconds, int count) =>
        Enumerable
            .Range(0, count + 1)
            .Aggregate(new PhiAccrualDetector(), (detector, i) => detector.RecordHeartbeat(Start.AddSeconds(i * seconds)));

    private static DateTimeOffset End(double seconds, int count) => Start.AddSeconds(seconds * count);
}
