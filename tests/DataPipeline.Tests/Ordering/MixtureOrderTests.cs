using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public sealed class MixtureOrderTests
{
    private static readonly CorpusShare[] Corpora = [new([10, 10, 7], 2), new([5, 5], 1), new([4, 0, 9, 3, 6], 0.5)];

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(100)]
    public void Each_corpus_has_epochs_of_its_own_that_hold_each_sample_once(int window)
    {
        var order = new SampleOrder(Corpora, seed: 3, window);
        var stream = Stream(order, batchSize: 13, steps: 40);
        for (var corpus = 0; corpus < Corpora.Length; corpus++)
        {
            var (first, count) = order.SamplesOf(corpus);
            var own = stream.Where(s => order.CorpusOf(s.Index) == corpus).ToArray();
            Assert.Equal(order.Schedule.CountOf(corpus, stream.Length), own.Length);
            foreach (var (epoch, samples) in own.Chunk((int)count).Index())
            {
                Assert.All(samples, s => Assert.Equal(epoch, s.Epoch));
                var numbers = samples.Select(s => s.Index).Order().ToArray();
                Assert.Equal(numbers.Distinct(), numbers);
                if (samples.Length == count)
                    Assert.Equal(Enumerable.Range(0, (int)count).Select(i => first + i), numbers);
            }
        }
    }

    [Fact]
    public void A_corpus_is_read_in_the_same_order_whatever_its_share()
    {
        SampleRef[] Own(double weight) =>
            [.. Stream(new SampleOrder([new CorpusShare([10, 10], weight), new CorpusShare([8, 8, 8], 1)], seed: 3, 1), 50, 8).Where(s => s.Index < 20)];
        var (rare, often) = (Own(0.3), Own(3));
        Assert.True(rare.Length < often.Length);
        Assert.Equal(rare, often[..rare.Length]);
    }

    [Fact]
    public void Any_step_is_reached_at_once_and_does_not_depend_on_the_batch_size()
    {
        var walked = Stream(new SampleOrder(Corpora, seed: 9, 2), 7, 60);
        foreach (var step in (int[])[59, 0, 31, 30])
        {
            Assert.Equal(walked.Skip(step * 7).Take(7), Batch(new SampleOrder(Corpora, seed: 9, 2), step, 7));
            Assert.Equal(walked.Skip(step).Take(1), Batch(new SampleOrder(Corpora, seed: 9, 2), step, 1));
        }
    }

    [Fact]
    public void Equal_pace_reads_every_corpus_once_in_one_pass_over_all()
    {
        int[][] rows = [[30, 30], [7], [20, 1, 2]];
        var order = new SampleOrder([.. rows.Select(r => CorpusShare.Of(r, 1, MixtureSampling.Proportional, 1))], seed: 1, 2);
        Assert.Equal(90, order.SampleCount);
        for (var pass = 0; pass < 3; pass++)
        {
            var samples = Batch(order, pass, 90);
            Assert.All(samples, s => Assert.Equal(pass, s.Epoch));
            Assert.Equal(Enumerable.Range(0, 90).Select(i => (long)i), samples.Select(s => s.Index).Order());
        }
    }

    [Fact]
    public void Corpora_of_one_shape_are_shuffled_apart()
    {
        var order = new SampleOrder([new CorpusShare([50], 1), new CorpusShare([50], 1)], seed: 1, 4);
        var samples = Batch(order, 0, 100);
        Assert.NotEqual(samples.Where(s => s.Index < 50).Select(s => s.Index), samples.Where(s => s.Index >= 50).Select(s => s.Index - 50));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(26, 0, 2)]
    [InlineData(27, 1, 3)]
    [InlineData(36, 1, 4)]
    [InlineData(37, 2, 5)]
    [InlineData(58, 2, 9)]
    public void A_samples_corpus_and_row_group_are_numbered_through_all(long index, int corpus, int group)
    {
        var order = new SampleOrder(Corpora, seed: 0, 1);
        Assert.Equal((corpus, group), (order.CorpusOf(index), order.RowGroupOf(index)));
    }

    private static SampleRef[] Batch(SampleOrder order, long step, int size)
    {
        var batch = new SampleRef[size];
        order.GlobalBatch(step, batch);
        return batch;
    }

    private static SampleRef[] Stream(SampleOrder order, int batchSize, int steps) =>
        [.. Enumerable.Range(0, steps).SelectMany(step => Batch(order, step, batchSize))];
}
