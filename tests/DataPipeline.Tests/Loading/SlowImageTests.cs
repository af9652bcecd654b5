using ClipTrain.Coordinator.Tests;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class SlowImageTests : IDisposable
{
    /// <summary>A limit that only a hang exceeds.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTimeProvider _time = new();
    private readonly SemaphoreSlim _slow = new(0);
    private readonly ManualResetEventSlim _release = new();

    public void Dispose()
    {
        _release.Set();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    public void An_image_that_takes_too_long_is_a_bad_sample_and_the_others_come_in_their_order(int threads, bool computes)
    {
        var manifest = TestCorpus.Create(_folder, 5, 20);
        var order = new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 10);
        var slow = order.GlobalBatch(0)[3].Index;
        var limit = computes ? TimeSpan.FromMilliseconds(50) : TimeSpan.FromSeconds(4);
        var (bad, alive) = (new List<BadSample>(), 0);
        using (var loader = Loader(manifest, order, threads, limit, Slow, onBad: bad.Add))
        {
            AwaitSlowImage(loader, others: threads == 1 ? 3 : 19);
            if (!computes)
            {
                _time.Advance(10 * limit);
            }

            Assert.False(loader.Wait(TimeSpan.Zero));
            _time.Advance(limit / 4);
            var batches = LoadedBatch.Take(loader, 2);

            Assert.Equal(order.GlobalBatch(0).Where(s => s.Index != slow), batches[0].Samples);
            Assert.Equal(order.GlobalBatch(1), batches[1].Samples);
            Assert.Equal(
                batches.SelectMany(b => b.Samples).Select(s => (float)s.Index),
                batches.SelectMany(b => b.Images).Select(image => image[0])
            );
            Assert.Equal(
                new BadSample(
                    manifest.Files[0].Path,
                    slow,
                    FormattableString.Invariant(
                        $"the image takes longer to decode than data.max_image_seconds, {limit.TotalSeconds:0.###} s"
                    )
                ),
                Assert.Single(bad)
            );
        }

        // The abandoned decode returns after disposal, and frees its memory.
        Until(() => Volatile.Read(ref alive) == 1);
        _release.Set();
        Until(() => Volatile.Read(ref alive) == 0);

        IImageTransform Slow()
        {
            Interlocked.Increment(ref alive);
            return new HookedTransform(
                index =>
                {
                    if (index == slow)
                    {
                        var clock = ThreadClock.OfThisThread();
                        var start = clock.Used;
                        while (computes && clock.Used - start <= limit)
                        {
                            Thread.SpinWait(100);
                        }

                        _slow.Release();
                        _release.Wait();
                    }
                },
                () => Interlocked.Decrement(ref alive)
            );
        }
    }

    [Fact]
    public void A_batch_that_waits_for_an_image_is_told_of_by_the_images_name()
    {
        var manifest = TestCorpus.Create(_folder, 5, 20);
        var order = new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 10);
        var slow = order.GlobalBatch(0)[3].Index;
        string? told = null;
        // A wait of half the limit is reported.
        using var loader = Loader(
            manifest,
            order,
            2,
            TimeSpan.FromSeconds(4),
            () =>
                new HookedTransform(index =>
                {
                    if (index == slow)
                    {
                        _slow.Release();
                        _release.Wait();
                    }
                }),
            onLongWait: wait => told = wait
        );
        AwaitSlowImage(loader, others: 19);
        Assert.False(loader.Wait(TimeSpan.Zero));

        _time.Advance(TimeSpan.FromSeconds(1.999));
        Assert.Null(told);
        _time.Advance(TimeSpan.FromSeconds(0.001));
        _release.Set();

        Assert.Contains("Waiting 2 s for the batch of step 1", told, StringComparison.Ordinal);
        Assert.EndsWith($": {manifest.Key(slow)} is being decoded", told, StringComparison.Ordinal);
        Assert.Equal(10, LoadedBatch.Take(loader).Samples.Length);
    }

    [Fact]
    public void Neither_waiting_nor_the_end_waits_for_an_image()
    {
        var manifest = TestCorpus.Create(_folder, 5, 20);
        var order = new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 10);
        var loader = Loader(manifest, order, 2, TimeSpan.FromHours(1), () => new HookedTransform(_ => _release.Wait()));

        Assert.False(loader.Wait(TimeSpan.FromMilliseconds(1)));
        loader.Dispose();

        Assert.False(_release.IsSet);
    }

    [Fact]
    public void Images_that_all_take_too_long_end_the_run_by_name_before_they_take_every_core()
    {
        var manifest = TestCorpus.Create(_folder, 5, 40);
        var limit = TimeSpan.FromSeconds(4);
        using var loader = Loader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 40),
            4,
            limit,
            () =>
                new HookedTransform(_ =>
                {
                    _slow.Release();
                    _release.Wait();
                })
        );
        for (var givenUp = 0; givenUp <= 16; givenUp += 4)
        {
            for (var thread = 0; thread < 4; thread++)
            {
                Assert.True(_slow.Wait(s_patience));
            }

            _time.Advance(10 * limit);
            _time.Advance(limit / 4);
        }

        var error = Assert.Throws<CorpusException>(() => loader.Take());

        Assert.StartsWith(
            $"16 images have been decoding for longer than data.max_image_seconds, 4 s; the last one is {manifest.Files[0].Path}:",
            error.Message,
            StringComparison.Ordinal
        );
    }

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, s_patience));

    /// <summary>Returns when the slow image alone is being decoded, so that the clock can pass over no other.</summary>
    private void AwaitSlowImage(TrainingLoader loader, long others)
    {
        Assert.True(_slow.Wait(s_patience));
        Until(() => loader.Figures.Assemble.Items == others);
    }

    private TrainingLoader Loader(
        CorpusManifest manifest,
        SampleOrder order,
        int threads,
        TimeSpan imageTime,
        Func<IImageTransform> transform,
        Action<BadSample>? onBad = null,
        Action<string>? onLongWait = null
    ) =>
        new(
            manifest,
            order,
            new FakeTokenizer(),
            transform,
            new TrainingLoaderOptions
            {
                Seed = 1,
                Threads = threads,
                MaxBadShare = 1,
                LastStep = 2,
                ImageTime = imageTime,
                Time = _time,
                OnLongWait = onLongWait,
            },
            onBad
        );

    /// <summary>A fake that runs a callback before it decodes a sample.</summary>
    private sealed class HookedTransform(Action<long> decoding, Action? disposed = null) : IImageTransform
    {
        private readonly FakeTransform _inner = new();

        public int Size => _inner.Size;

        public ImageType Type => _inner.Type;

        public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
        {
            decoding(BitConverter.ToInt64(encoded));
            _inner.Train(encoded, ref random);
        }

        public void Evaluate(ReadOnlySpan<byte> encoded) => _inner.Evaluate(encoded);

        public void Write(Span<byte> chw) => _inner.Write(chw);

        public void Dispose() => disposed?.Invoke();
    }
}
