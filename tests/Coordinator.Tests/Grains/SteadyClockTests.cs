using ClipTrain.Coordinator.Grains;

namespace ClipTrain.Coordinator.Tests.Grains;

public sealed class SteadyClockTests
{
    [Theory]
    [InlineData(-3650)]
    [InlineData(3650)]
    public void A_clock_that_jumps_moves_no_lease(int days)
    {
        var machine = new MachineTime();
        var clock = new SteadyClock(machine);
        var start = clock.Now;

        machine.Utc += TimeSpan.FromDays(days);
        Assert.Equal(start, clock.Now);

        machine.Passed += TimeSpan.FromSeconds(5);
        Assert.Equal(start + TimeSpan.FromSeconds(5), clock.Now);
    }

    /// <summary>A machine whose clock can be set while time passes.</summary>
    private sealed class MachineTime : TimeProvider
    {
        public DateTimeOffset Utc { get; set; } = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public TimeSpan Passed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Utc;

        public override long GetTimestamp() => Passed.Ticks;
    }
}
