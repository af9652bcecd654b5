using ClipTrain.Cli.DataTools;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.DataTools;

public sealed class LoaderBottleneckTests
{
    private static readonly LoaderSetting Setting = new(
        Threads: 2,
        Cores: 4,
        Prefetch: 4,
        LargestRowGroup: 1000,
        MedianShortSide: 300,
        Size: 224,
        JpegDecode.Fast
    );

    [Fact]
    public void A_reader_slower_than_the_threads_is_the_bottleneck()
    {
        // Ten seconds: the reader is always busy, the threads wait half of the time.
        var found = LoaderBottleneck.Of(Result(read: 10, decode: 8, tokenize: 1, assemble: 1, starved: 10, blocked: 0));

        Assert.Equal((SlowStage.Read, 100, 200), (found.Stage, found.ReadLimit, found.DecodeLimit));
        Assert.Equal(
            "Reading is the bottleneck, at 100 images a second: move the corpus to faster or local storage.",
            found.Advice(Setting)
        );
        Assert.Contains("1,000 rows per row group", found.Advice(Setting with { LargestRowGroup = 100_000 }), StringComparison.Ordinal);
    }

    [Fact]
    public void Busy_threads_are_the_bottleneck_and_the_advice_depends_on_cores_and_images()
    {
        var found = LoaderBottleneck.Of(Result(read: 2, decode: 18, tokenize: 1, assemble: 1, starved: 0, blocked: 0));

        Assert.Equal((SlowStage.Decode, 500, 100), (found.Stage, found.ReadLimit, found.DecodeLimit));
        Assert.Contains("raise data.threads to up to 4", found.Advice(Setting), StringComparison.Ordinal);
        Assert.Contains(
            "store images as JPEG of not much more than 224 px",
            found.Advice(Setting with { Threads = 4 }),
            StringComparison.Ordinal
        );
        var large = Setting with { Threads = 4, MedianShortSide = 1000 };
        Assert.Contains(
            "have 1,000 px on their shorter side, the model uses 224; set data.jpeg: scaled",
            found.Advice(large),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("data.jpeg", found.Advice(large with { Jpeg = JpegDecode.Scaled }), StringComparison.Ordinal);
    }

    [Fact]
    public void Long_captions_can_be_the_bottleneck() =>
        Assert.Equal(
            SlowStage.Tokenize,
            LoaderBottleneck.Of(Result(read: 2, decode: 5, tokenize: 14, assemble: 1, starved: 0, blocked: 0)).Stage
        );

    [Fact]
    public void Threads_that_wait_for_each_other_need_more_prefetch()
    {
        var found = LoaderBottleneck.Of(Result(read: 2, decode: 8, tokenize: 1, assemble: 1, starved: 0, blocked: 10));

        Assert.Equal(SlowStage.Prefetch, found.Stage);
        Assert.Contains("raise data.prefetch from 4 to 8", found.Advice(Setting), StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_without_reading_uses_the_read_rate_of_the_warm_up()
    {
        var result = Result(read: 0, decode: 18, tokenize: 1, assemble: 1, starved: 0, blocked: 0, readItems: 0);

        Assert.Equal(250, LoaderBottleneck.Of(result with { Whole = result.Figures with { Read = Stage(500, 2) } }).ReadLimit);
    }

    [Fact]
    public void The_rate_that_steps_need_excludes_their_waiting_time()
    {
        var step = Samples.Step(1);

        Assert.Equal(
            40,
            StepNeed.ImagesPerSecond([
                step with
                {
                    ImagesPerSecond = 30,
                    DataWaitShare = 0.25,
                },
                step with
                {
                    ImagesPerSecond = 1,
                    DataWaitShare = 0,
                },
                step with
                {
                    ImagesPerSecond = 90,
                    DataWaitShare = 0,
                },
            ])
        );
        Assert.Null(StepNeed.ImagesPerSecond([]));
    }

    /// <summary>Statistics of 1,000 images in ten seconds on two threads; arguments are in seconds.</summary>
    private static LoaderBenchResult Result(
        double read,
        double decode,
        double tokenize,
        double assemble,
        double starved,
        double blocked,
        long readItems = 1000
    )
    {
        var figures = new LoaderFigures
        {
            Elapsed = TimeSpan.FromSeconds(10),
            Threads = 2,
            Read = Stage(readItems, read),
            Decode = Stage(1000, decode) with { Starved = TimeSpan.FromSeconds(starved), Blocked = TimeSpan.FromSeconds(blocked) },
            Tokenize = Stage(1000, tokenize),
            Assemble = Stage(1000, assemble),
            Waited = TimeSpan.FromSeconds(9),
            QueuedSamples = 0,
            QueuedBatches = 0,
        };
        return new LoaderBenchResult(figures, figures, Batches: 10, Images: 1000);
    }

    private static StageFigures Stage(long items, double busy) => new(items, TimeSpan.FromSeconds(busy), TimeSpan.Zero, TimeSpan.Zero);
}
