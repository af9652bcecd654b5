using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Loop;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class LoaderWatchTests
{
    [Fact]
    public void Rates_and_shares_cover_the_time_between_observations()
    {
        var watch = new LoaderWatch();
        Assert.Null(watch.Look(At(2, items: 100)));

        Assert.Equal(
            new LoaderMetrics(
                new(150, 0.25, 0, 0.5),
                new(150, 0.125, 0.125, 0.25),
                new(150, 0.125, 0, 0.25),
                new(150, 0.125, 0, 0.25),
                7,
                3
            )
            {
                Threads = 2,
            },
            watch.Look(At(4, items: 400))
        );
    }

    [Fact]
    public void The_window_covers_ten_seconds()
    {
        var watch = new LoaderWatch();
        var rates = new List<double?>();

        // A hundred images a second for a minute, then none.
        for (var second = 0.25; second <= 120; second += 0.25)
        {
            rates.Add(watch.Look(At(second, items: (long)Math.Min(100 * second, 6000)))?.Read.Rate);
        }

        Assert.Equal(100, rates[200]!.Value, 1.0);
        Assert.InRange(rates[(65 * 4) - 1]!.Value, 40, 60);
        Assert.Equal(0, rates[^1]);
    }

    private static LoaderFigures At(double seconds, long items)
    {
        var stage = new StageFigures(items, TimeSpan.FromSeconds(seconds / 4), TimeSpan.Zero, TimeSpan.FromSeconds(seconds / 2));
        return new LoaderFigures
        {
            Elapsed = TimeSpan.FromSeconds(seconds),
            Threads = 2,
            Read = stage,
            Decode = stage with { Starved = TimeSpan.FromSeconds(seconds / 4) },
            Tokenize = stage,
            Assemble = stage,
            Waited = TimeSpan.Zero,
            QueuedSamples = 7,
            QueuedBatches = 3,
        };
    }
}
