using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class TrainingLoaderTests : IDisposable
{
    private const ulong Seed = 5;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_batch_holds_the_samples_of_the_order_with_their_pixels_and_tokens()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 10, 35, 20);
        var order = new SampleOrder(manifest.GroupRows, Seed, windowGroups: 2);
        using var loader = Loader(manifest, order, globalBatch: 8);

        for (var step = 0; step < 20; step++)
        {
            var expected = new SampleRef[8];
            order.GlobalBatch(step, expected);
            var batch = LoadedBatch.Take(loader);

            Assert.Equal(step, batch.Step);
            Assert.Equal(expected, batch.Samples);
            Assert.Equal(expected.Select(s => (float)s.Index), batch.Images.Select(image => image[0]));
            Assert.Equal(expected.Select(s => TestCorpus.Caption(s.Index)), batch.Captions, StringComparer.Ordinal);
            Assert.Equal(batch.Captions.Select(c => c.Length - 1L), batch.Ends);
            Assert.Equal(expected.Select(s => manifest.Key(s.Index)), batch.Keys, StringComparer.Ordinal);
        }
    }

    [Theory]
    [InlineData(1, 3, 8)]
    [InlineData(2, 1, 8)]
    [InlineData(3, 2, 8)]
    [InlineData(4, 3, 8)]
    [InlineData(3, 1, 100)]
    [InlineData(4, 2, 3)]
    public void Global_batches_are_the_same_for_any_number_of_workers_and_threads(int worldSize, int threads, int globalBatch)
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 7, 35, 3, 20);
        using var one = Loader(manifest, globalBatch: globalBatch);
        var workers = Enumerable.Range(0, worldSize)
            .Select(rank => Loader(manifest, globalBatch: globalBatch, rank: rank, worldSize: worldSize, threads: threads)).ToArray();

        for (var step = 0; step < 20; step++)
            LoadedBatch.AssertEqual(LoadedBatch.Take(one), LoadedBatch.Concat([.. workers.Select(worker => LoadedBatch.Take(worker))]));
        foreach (var worker in workers)
            worker.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(19)]
    public void A_run_resumed_at_any_step_reads_the_same(int firstStep)
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 6, 25, 24);
        using var whole = Loader(manifest, globalBatch: 7);
        var expected = LoadedBatch.Take(whole, 25);

        using var resumed = Loader(manifest, globalBatch: 7, firstStep: firstStep, threads: 2);

        foreach (var batch in expected.Skip(firstStep))
            LoadedBatch.AssertEqual(batch, LoadedBatch.Take(resumed));
    }

    [Fact]
    public void Augmentation_differs_between_epochs_and_samples()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 10);
        using var loader = Loader(manifest, globalBatch: 10);

        var epochs = LoadedBatch.Take(loader, 3);

        Assert.Equal(30, epochs.SelectMany(e => e.Images).Select(image => image[1]).Distinct().Count());
    }

    [Fact]
    public void A_batch_larger_than_the_corpus_runs_through_several_epochs()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 2, 5);
        using var loader = Loader(manifest, globalBatch: 64, threads: 3, prefetch: 1, windowGroups: 1);

        var samples = LoadedBatch.Take(loader, 2).SelectMany(b => b.Samples).ToArray();

        Assert.All(Enumerable.Range(0, 25), epoch => Assert.Equal([0, 1, 2, 3, 4], samples.Where(s => s.Epoch == epoch).Select(s => s.Index).Order()));
    }

    [Fact]
    public void A_rank_without_samples_gets_empty_batches()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 2, 5);
        using var loader = Loader(manifest, globalBatch: 2, rank: 2, worldSize: 3, lastStep: long.MaxValue);

        Assert.All(LoadedBatch.Take(loader, 3), batch => Assert.Empty(batch.Samples));
    }

    [Fact]
    public void Steps_end_at_the_last_one()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);
        using var loader = Loader(manifest, globalBatch: 4, firstStep: 3, lastStep: 5);

        Assert.Equal([3, 4], LoadedBatch.Take(loader, 2).Select(b => b.Step));
        Assert.Throws<InvalidOperationException>(() => loader.Take());
    }

    [Fact]
    public void Row_groups_of_more_than_2048_rows_are_read_in_parts()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5000, 5000, 10);
        Assert.Equal([1666, 1667, 1667, 10], manifest.GroupRows);
        using var loader = Loader(manifest, globalBatch: 501, windowGroups: 1, threads: 2);

        var batches = LoadedBatch.Take(loader, 10);

        Assert.Equal(Enumerable.Range(0, 5010).Select(i => (long)i), batches.SelectMany(b => b.Samples).Select(s => s.Index).Order());
        Assert.All(batches, b => Assert.Equal(b.Samples.Select(s => (float)s.Index), b.Images.Select(image => image[0])));
    }

    [Fact]
    public void Buffers_are_aligned_and_used_again_after_disposal()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);
        using var loader = Loader(manifest, globalBatch: 4, prefetch: 1);
        var addresses = new HashSet<nint>();
        for (var step = 0; step < 50; step++)
        {
            using var batch = loader.Take();
            addresses.Add(batch.Images);
            Assert.All([batch.Images, batch.Tokens, batch.EndPositions], address => Assert.Equal(0, address % 64));
        }

        // One with the consumer, one ahead.
        Assert.InRange(addresses.Count, 1, 2);
    }

    [Fact]
    public void A_disposed_batch_cannot_be_read()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);
        using var loader = Loader(manifest);
        var batch = loader.Take();

        batch.Dispose();

        Assert.Throws<ObjectDisposedException>(() => batch.Images);
    }

    [Fact]
    public void Captions_of_any_length_are_read()
    {
        var path = _folder.File("a.parquet");
        using (var writer = new CorpusWriter(path, 2))
        {
            for (var i = 0; i < 6; i++)
                writer.Add(TestCorpus.Image(i), new string((char)('a' + i), 10_000));
            writer.Complete();
        }

        var manifest = CorpusManifest.Create([path]);
        using var loader = Loader(manifest, globalBatch: 6);

        var batch = LoadedBatch.Take(loader);

        Assert.Equal(batch.Samples.Select(s => new string((char)('a' + s.Index), 16)), batch.Captions, StringComparer.Ordinal);
    }

    [Fact]
    public void Disposing_stops_all_threads_and_frees_the_transforms_and_files()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20, 20);
        var filesBefore = Directory.GetFiles(_folder.Path);
        var alive = 0;
        var loader = new TrainingLoader(
            manifest, Order(manifest), new FakeTokenizer(), () => new CountedTransform(() => Interlocked.Increment(ref alive), () => Interlocked.Decrement(ref alive)),
            Options(threads: 3));
        var held = loader.Take();
        Assert.Equal(3, alive);

        loader.Dispose();
        loader.Dispose();

        Assert.Equal(0, alive);
        Assert.DoesNotContain(OpenFiles(), file => file.StartsWith(_folder.Path, StringComparison.Ordinal));
        Assert.Equal(filesBefore, Directory.GetFiles(_folder.Path));
        Assert.Throws<ObjectDisposedException>(() => loader.Take());
        held.Dispose();
    }

    [Fact]
    public void Taking_can_be_cancelled_while_a_batch_is_decoded()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);
        using var release = new ManualResetEventSlim();
        using var decoding = new ManualResetEventSlim();
        using var cancellation = new CancellationTokenSource();
        var transform = new CountedTransform(() => { }, () => { }, () => { decoding.Set(); release.Wait(); });
        using var loader = new TrainingLoader(manifest, Order(manifest), new FakeTokenizer(), () => transform, Options());
        decoding.Wait();
        var taking = Task.Factory.StartNew(() => loader.Take(cancellation.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        cancellation.Cancel();

        Assert.IsType<OperationCanceledException>(Assert.Throws<AggregateException>(() => taking.Wait()).InnerException);
        release.Set();
        Assert.Equal(0, loader.Take().Step);
    }

    [Fact]
    public void An_unexpected_failure_of_a_thread_reaches_the_consumer()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);
        using var loader = new TrainingLoader(
            manifest, Order(manifest), new FakeTokenizer(),
            () => new CountedTransform(() => { }, () => { }, () => throw new InvalidTimeZoneException("boom")), Options(threads: 2));

        Assert.Equal("boom", Assert.Throws<InvalidTimeZoneException>(() => loader.Take()).Message);
    }

    [Fact]
    public void A_file_that_cannot_be_read_stops_the_run_when_it_is_next_but_not_before()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 20, 20, 20, 20, 20, 20, 20, 20, 20);
        var order = Order(manifest, windowGroups: 1);
        var batch = new SampleRef[20];
        order.GlobalBatch(6, batch);
        var missing = manifest.Locate(batch[0].Index).File;
        File.Delete(missing);
        using var loader = Loader(manifest, order, globalBatch: 20, prefetch: 1);

        // Window 6 is read once window 4 is done, which is not before step 3 was taken.
        Assert.Equal([0, 1, 2, 3], LoadedBatch.Take(loader, 4).Select(b => b.Step));
        var error = Assert.Throws<CorpusException>(() => LoadedBatch.Take(loader, 3));
        Assert.Contains(missing, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_order_of_another_corpus_is_refused()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);

        Assert.Throws<ArgumentException>(() => Loader(manifest, new SampleOrder([19], Seed, 1)));
    }

    private static IEnumerable<string> OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget).OfType<string>();

    private static SampleOrder Order(CorpusManifest manifest, int windowGroups = 3) => new(manifest.GroupRows, Seed, windowGroups);

    private static TrainingLoaderOptions Options(
        int globalBatch = 8, int rank = 0, int worldSize = 1, int threads = 1, int prefetch = 2, long firstStep = 0, long lastStep = 1000) => new()
        {
            GlobalBatch = globalBatch,
            Rank = rank,
            WorldSize = worldSize,
            Seed = Seed,
            Threads = threads,
            Prefetch = prefetch,
            FirstStep = firstStep,
            LastStep = lastStep,
        };

    private static TrainingLoader Loader(
        CorpusManifest manifest, SampleOrder? order = null, int globalBatch = 8, int rank = 0, int worldSize = 1, int threads = 1, int prefetch = 2,
        long firstStep = 0, long lastStep = 1000, int windowGroups = 3) =>
        new(manifest, order ?? Order(manifest, windowGroups), new FakeTokenizer(), () => new FakeTransform(),
            Options(globalBatch, rank, worldSize, threads, prefetch, firstStep, lastStep));

    private sealed class CountedTransform : IImageTransform
    {
        private readonly FakeTransform _inner = new();
        private readonly Action _disposed;
        private readonly Action? _decoding;

        public CountedTransform(Action created, Action disposed, Action? decoding = null)
        {
            (_disposed, _decoding) = (disposed, decoding);
            created();
        }

        public int Size => _inner.Size;

        public ImageType Type => _inner.Type;

        public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<byte> chw)
        {
            _decoding?.Invoke();
            _inner.Train(encoded, ref random, chw);
        }

        public void Evaluate(ReadOnlySpan<byte> encoded, Span<byte> chw) => _inner.Evaluate(encoded, chw);

        public void Dispose() => _disposed();
    }
}
