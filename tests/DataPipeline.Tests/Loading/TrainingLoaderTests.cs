using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
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
        var order = new SampleOrder(manifest.RowGroupRows, Seed, window: 2, globalBatch: 8);
        using var loader = Loader(manifest, order);

        for (var step = 0; step < 20; step++)
        {
            var expected = order.GlobalBatch(step);
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
        var workers = Enumerable
            .Range(0, worldSize)
            .Select(rank => Loader(manifest, globalBatch: globalBatch, rank: rank, worldSize: worldSize, threads: threads))
            .ToArray();

        for (var step = 0; step < 20; step++)
        {
            LoadedBatch.AssertEqual(LoadedBatch.Take(one), LoadedBatch.Concat([.. workers.Select(worker => LoadedBatch.Take(worker))]));
        }

        foreach (var worker in workers)
        {
            worker.Dispose();
        }
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
        {
            LoadedBatch.AssertEqual(batch, LoadedBatch.Take(resumed));
        }
    }

    [Theory]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    [InlineData(3, 6)]
    [InlineData(2, 16)]
    public void A_worker_needs_the_row_groups_of_its_own_partitions_alone(int worldSize, int window)
    {
        int[] files = [.. Enumerable.Repeat(20, 16)];
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 20, files);
        var order = Order(manifest, window, globalBatch: 48);
        const int steps = 6;
        var read = 0;
        for (var rank = 0; rank < worldSize; rank++)
        {
            var (start, count) = SampleOrder.LocalSlice(48, rank, worldSize);
            var own = Enumerable
                .Range(0, steps)
                .SelectMany(step => order.GlobalBatch(step).Skip(start).Take(count))
                .Select(s => manifest.Locate(s.Index).File)
                .ToHashSet(StringComparer.Ordinal);
            read += own.Count;
            foreach (var other in manifest.Files.Select(file => file.Path).Except(own, StringComparer.Ordinal))
            {
                File.Move(other, other + ".away");
            }

            using (var loader = Loader(manifest, order, rank: rank, worldSize: worldSize, lastStep: steps))
            {
                Assert.All(LoadedBatch.Take(loader, steps), batch => Assert.Equal(count, batch.Samples.Length));
            }

            foreach (var away in Directory.GetFiles(_folder.Path, "*.away"))
            {
                File.Move(away, away[..^5]);
            }
        }

        // Where two partitions meet they share a row group.
        Assert.InRange(read, 14, 16 + window);
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
        using var loader = Loader(manifest, globalBatch: 64, threads: 3, prefetch: 1, window: 1);

        var samples = LoadedBatch.Take(loader, 2).SelectMany(b => b.Samples).ToArray();

        Assert.All(
            Enumerable.Range(0, 25),
            epoch => Assert.Equal([0, 1, 2, 3, 4], samples.Where(s => s.Epoch == epoch).Select(s => s.Index).Order())
        );
    }

    [Fact]
    public void A_rank_without_samples_gets_empty_batches()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 2, 5);
        using var loader = Loader(manifest, globalBatch: 2, rank: 0, worldSize: 3, lastStep: long.MaxValue);

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
        Assert.Equal([1666, 1667, 1667, 10], manifest.RowGroupRows);
        using var loader = Loader(manifest, globalBatch: 501, window: 1, threads: 2);

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
            {
                writer.Add(TestCorpus.Image(i), new string((char)('a' + i), 10_000));
            }

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
            manifest,
            Order(manifest),
            new FakeTokenizer(),
            () => new CountedTransform(() => Interlocked.Increment(ref alive), () => Interlocked.Decrement(ref alive)),
            Options(threads: 3)
        );
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
        var transform = new CountedTransform(
            () => { },
            () => { },
            () =>
            {
                decoding.Set();
                release.Wait();
            }
        );
        using var loader = new TrainingLoader(manifest, Order(manifest), new FakeTokenizer(), () => transform, Options());
        decoding.Wait();
        var taking = Task.Factory.StartNew(
            () => loader.Take(cancellation.Token),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );

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
            manifest,
            Order(manifest),
            new FakeTokenizer(),
            () => new CountedTransform(() => { }, () => { }, () => throw new InvalidTimeZoneException("boom")),
            Options(threads: 2)
        );

        Assert.Equal("boom", Assert.Throws<InvalidTimeZoneException>(() => loader.Take()).Message);
    }

    [Fact]
    public void A_file_that_cannot_be_read_stops_the_run_when_it_is_next_but_not_before()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 20, 20, 20, 20, 20, 20, 20, 20, 20);
        var order = Order(manifest, window: 1, globalBatch: 20);
        var missing = manifest.Locate(order.GlobalBatch(6)[0].Index).File;
        File.Delete(missing);
        using var loader = Loader(manifest, order, prefetch: 1);

        // The row group of step 6 is read once that of step 4 is released, which happens only after step 3 has been taken.
        Assert.Equal([0, 1, 2, 3], LoadedBatch.Take(loader, 4).Select(b => b.Step));
        var error = Assert.Throws<CorpusException>(() => LoadedBatch.Take(loader, 3));
        Assert.Contains(missing, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_order_of_another_corpus_is_refused()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 5, 20);

        Assert.Throws<ArgumentException>(() => Loader(manifest, new SampleOrder([19], Seed, 1, 8)));
    }

    private static IEnumerable<string> OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget).OfType<string>();

    private static SampleOrder Order(CorpusManifest manifest, int window = 3, int globalBatch = 8) =>
        new(manifest.RowGroupRows, Seed, window, globalBatch);

    private static TrainingLoaderOptions Options(
        int rank = 0,
        int worldSize = 1,
        int threads = 1,
        int prefetch = 2,
        long firstStep = 0,
        long lastStep = 1000
    ) =>
        new()
        {
            Rank = rank,
            WorldSize = worldSize,
            Seed = Seed,
            Threads = threads,
            Prefetch = prefetch,
            FirstStep = firstStep,
            LastStep = lastStep,
        };

    private static TrainingLoader Loader(
        CorpusManifest manifest,
        SampleOrder? order = null,
        int globalBatch = 8,
        int rank = 0,
        int worldSize = 1,
        int threads = 1,
        int prefetch = 2,
        long firstStep = 0,
        long lastStep = 1000,
        int window = 3
    ) =>
        new(
            manifest,
            order ?? Order(manifest, window, globalBatch),
            new FakeTokenizer(),
            () => new FakeTransform(),
            Options(rank, worldSize, threads, prefetch, firstStep, lastStep)
        );

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

        public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
        {
            _decoding?.Invoke();
            _inner.Train(encoded, ref random);
        }

        public void Evaluate(ReadOnlySpan<byte> encoded) => _inner.Evaluate(encoded);

        public void Write(Span<byte> chw) => _inner.Write(chw);

        public void Dispose() => _disposed();
    }
}
