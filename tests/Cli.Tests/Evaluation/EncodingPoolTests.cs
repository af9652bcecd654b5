using System.IO.Pipes;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using TorchSharp;

namespace ClipTrain.Cli.Tests.Evaluation;

/// <summary>Sets embedded by workers, in this process and over real pipes.</summary>
public sealed class EncodingPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Any_number_of_workers_gives_the_bits_and_messages_of_one_process(int workers)
    {
        using var pool = new WorkerThreads(workers);
        foreach (var images in new[] { 1, 2, 7, 16, 23 })
        {
            foreach (var batch in new[] { 1, 3, 8, 100 })
            {
                var set = new Pictures(images);
                var (alone, together) = (new Watch(), new Watch());
                var expected = SetEmbedding.Embed(new BatchModel(), "set", set, batch, alone);

                var actual = SetEmbedding.Embed(pool.Model, "set", set, batch, together);

                Assert.Equal(
                    expected.Images.Select(image => (image.Row, image.Key, image.Hash)),
                    actual.Images.Select(image => (image.Row, image.Key, image.Hash))
                );
                Assert.Equal(expected.Embeddings.Values.ToArray(), actual.Embeddings.Values.ToArray());
                Assert.Equal(expected.Features.Values.ToArray(), actual.Features.Values.ToArray());
                Assert.Equal(expected.LeftOut, actual.LeftOut);
                Assert.Equal(alone.Seen, together.Seen);
            }
        }
    }

    [Fact]
    public void Texts_are_embedded_in_order_and_in_the_batches_of_one_process()
    {
        using var pool = new WorkerThreads(3);
        string[] texts = [.. Enumerable.Range(0, 1000).Select(i => new string('x', i))];

        using var texts_nD = pool.Model.EncodeTexts(texts);

        var rows = texts_nD.AsSpan<float>();
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.Equal(i, rows[2 * i]);
            Assert.Equal(i < 768 ? 256 : 232, rows[(2 * i) + 1]);
        }
    }

    [Fact]
    public void A_set_without_a_usable_image_and_a_damaged_model_give_the_errors_of_one_process()
    {
        using (var pool = new WorkerThreads(2))
        {
            var broken = new Pictures(3) { Broken = _ => true };
            AssertSameError(
                () => SetEmbedding.Embed(new BatchModel(), "set", broken, 2, new Watch()),
                () => SetEmbedding.Embed(pool.Model, "set", broken, 2, new Watch())
            );
        }

        using (var pool = new WorkerThreads(2) { GivesNaN = true })
        {
            AssertSameError(
                () => SetEmbedding.Embed(new BatchModel { GivesNaN = true }, "set", new Pictures(9), 2, new Watch()),
                () => SetEmbedding.Embed(pool.Model, "set", new Pictures(9), 2, new Watch())
            );
        }

        static void AssertSameError(Func<object> alone, Func<object> together) =>
            Assert.Equal(Assert.ThrowsAny<Exception>(alone).Message, Assert.ThrowsAny<Exception>(together).Message);
    }

    [Fact]
    public void A_worker_that_dies_ends_the_evaluation_with_its_reason()
    {
        using var pool = new WorkerThreads(2) { DiesAt = "die" };
        pool.Model.EncodeTexts(["live"]).Dispose();

        var error = Assert.Throws<EncodingWorkerException>(() => pool.Model.EncodeTexts([.. Enumerable.Repeat("die", 2000)]));

        Assert.Equal("out of memory", error.Message);
        Assert.Throws<EncodingWorkerException>(() => pool.Model.EncodeTexts(["again"]));
    }

    /// <summary>Workers in threads of this process, at the other ends of pipes.</summary>
    private sealed class WorkerThreads : IDisposable
    {
        private readonly EncodingPool _pool;

        public WorkerThreads(int workers)
        {
            _pool = new EncodingPool([.. Enumerable.Range(0, workers).Select(_ => Start())]);
            Model = new PooledModel(new BatchModel(), _pool);
        }

        public PooledModel Model { get; }

        public bool GivesNaN { get; init; }

        public string? DiesAt { get; init; }

        public void Dispose() => _pool.Dispose();

        private EncodingConnection Start()
        {
            var to = new AnonymousPipeServerStream(PipeDirection.Out);
            var from = new AnonymousPipeServerStream(PipeDirection.In);
            var input = new AnonymousPipeClientStream(PipeDirection.In, to.ClientSafePipeHandle);
            var output = new AnonymousPipeClientStream(PipeDirection.Out, from.ClientSafePipeHandle);
            new Thread(() =>
            {
                try
                {
                    // The options are set by now: nothing is sent before.
                    EncodingWorker.Serve(new BatchModel(this), input, output);
                }
                catch (OperationCanceledException)
                {
                    // As a process that is killed: both streams end.
                }

                input.Dispose();
                output.Dispose();
            })
            {
                IsBackground = true,
            }.Start();
            return new EncodingConnection(to, from, () => new EncodingWorkerException("out of memory", 3));
        }
    }

    /// <summary>A model whose embeddings show the batch that they were computed in.</summary>
    private sealed class BatchModel(WorkerThreads? threads = null) : IEvaluatedModel
    {
        public bool GivesNaN { get; init; }

        public string Name => "batches";

        public string WeightsHash => "batches";

        public ImageTransformOptions Transform { get; } = new(8);

        public double LogitScale => 1;

        public bool HasTexts => true;

        public (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS)
        {
            var count = (int)images_b3SS.size(0);
            var means_b1 = images_b3SS.mean([1, 2, 3]).view([count, 1]);
            var places_b1 = torch.arange(count, torch.float32).view([count, 1]);
            var features_bF = torch.cat(
                [means_b1, places_b1, torch.full([count, 1], GivesNaN || threads is { GivesNaN: true } ? float.NaN : count)],
                1
            );
            return (torch.nn.functional.normalize(means_b1 + places_b1, 2, -1), features_bF);
        }

        public torch.Tensor EncodeTexts(IReadOnlyList<string> texts)
        {
            if (threads?.DiesAt is { } deadly && texts.Contains(deadly, StringComparer.Ordinal))
            {
                throw new OperationCanceledException();
            }

            return torch.tensor(texts.SelectMany(text => new[] { text.Length, (float)texts.Count }).ToArray()).view([texts.Count, 2]);
        }

        public double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD) => 0;
    }

    /// <summary>Grey pictures, of which some are damaged.</summary>
    private sealed class Pictures(int count) : IImageSet
    {
        public Func<int, bool> Broken { get; init; } = i => i % 5 == 3;

        public IReadOnlyList<string> ClassNames => [];

        public IReadOnlyList<string> Templates => [];

        public IEnumerable<string> Files => [];

        public long? Count => count;

        public bool HasCaptions => false;

        public bool HasLabels => false;

        public IEnumerable<SetRow> Rows() =>
            Enumerable.Range(0, count).Select(i => new SetRow($"row {i}", Broken(i) ? [1, 2, 3] : Png(i), null, [], null, []));

        private static byte[] Png(int number)
        {
            using var image = new Image<L8>(9, 9, new L8((byte)(10 * number)));
            using var bytes = new MemoryStream();
            image.SaveAsPng(bytes);
            return bytes.ToArray();
        }
    }

    /// <summary>Records what an observer is told.</summary>
    private sealed class Watch : IEmbeddingObserver
    {
        public List<string> Seen { get; } = [];

        public void Embedded(string set, long done, long? total) => Seen.Add($"{set} {done} of {total}");

        public void Cached(string set, int images) => Seen.Add($"{set} {images} cached");

        public void LeftOut(string set, string key, string reason) => Seen.Add($"{set} {key} {reason}");
    }
}
