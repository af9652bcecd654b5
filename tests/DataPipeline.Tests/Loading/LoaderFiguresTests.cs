using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class LoaderFiguresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_stage_counts_every_sample(int threads)
    {
        using var loader = Loader(threads);
        for (var step = 0; step < 6; step++)
        {
            loader.Take().Dispose();
        }

        var figures = loader.Figures;

        // The stream ends here, so all work is done.
        Assert.Equal((60, 60, 60, 60), (figures.Read.Items, figures.Decode.Items, figures.Tokenize.Items, figures.Assemble.Items));
        Assert.Equal((threads, 0L, 0), (figures.Threads, figures.QueuedSamples, figures.QueuedBatches));
        Assert.All(
            new[] { figures.Read, figures.Decode, figures.Tokenize, figures.Assemble },
            stage => Assert.True(stage.Busy > TimeSpan.Zero)
        );
        Assert.InRange(figures.Waited, TimeSpan.FromTicks(1), figures.Elapsed);
    }

    [Fact]
    public void Threads_time_is_work_and_waits()
    {
        using var loader = Loader(threads: 1);
        for (var step = 0; step < 6; step++)
        {
            loader.Take().Dispose();
        }

        var (figures, decode) = (loader.Figures, loader.Figures.Decode);

        Assert.InRange(
            decode.Busy + decode.Starved + decode.Blocked + figures.Tokenize.Busy + figures.Assemble.Busy,
            TimeSpan.Zero,
            figures.Elapsed
        );
    }

    [Fact]
    public void Batches_that_nobody_takes_block_the_threads()
    {
        using var loader = Loader(threads: 1);
        // The last of three prefetched batches is ready: the thread is idle.
        SpinWait.SpinUntil(() => loader.Figures.QueuedBatches == 3, TimeSpan.FromMinutes(5));

        Assert.Equal((3, 30), (loader.Figures.QueuedBatches, loader.Figures.Assemble.Items));
    }

    [Fact]
    public void The_difference_of_two_looks_is_what_was_done_between_them()
    {
        var first = new LoaderFigures
        {
            Elapsed = TimeSpan.FromSeconds(2),
            Threads = 2,
            Waited = TimeSpan.FromSeconds(1),
            QueuedSamples = 5,
            QueuedBatches = 1,
            Read = Stage(10),
            Decode = Stage(20),
            Tokenize = Stage(30),
            Assemble = Stage(40),
        };
        var second = first with
        {
            Elapsed = TimeSpan.FromSeconds(5),
            Waited = TimeSpan.FromSeconds(3),
            QueuedSamples = 7,
            QueuedBatches = 2,
            Read = Stage(11),
            Decode = Stage(22),
            Tokenize = Stage(33),
            Assemble = Stage(44),
        };

        Assert.Equal(
            first with
            {
                Elapsed = TimeSpan.FromSeconds(3),
                Waited = TimeSpan.FromSeconds(2),
                QueuedSamples = 7,
                QueuedBatches = 2,
                Read = Stage(1),
                Decode = Stage(2),
                Tokenize = Stage(3),
                Assemble = Stage(4),
            },
            second - first
        );

        static StageFigures Stage(int n) => new(n, TimeSpan.FromSeconds(n), TimeSpan.FromSeconds(2 * n), TimeSpan.FromSeconds(3 * n));
    }

    private TrainingLoader Loader(int threads)
    {
        var manifest = TestCorpus.Create(_folder, 10, 60);
        return new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 10),
            new FakeTokenizer(),
            () => new FakeTransform(),
            new TrainingLoaderOptions
            {
                Seed = 1,
                Threads = threads,
                Prefetch = 3,
                LastStep = 6,
            }
        );
    }
}
