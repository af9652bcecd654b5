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
        var order = new SampleOrder(Corpora, seed: 3, window, globalBatch: 13);
        var stream = Stream(order, steps: 40);
        for (var corpus = 0; corpus < Corpora.Length; corpus++)
        {
            var (first, count) = order.SamplesOf(corpus);
            var own = stream.Where(s => order.CorpusOf(s.Index) == corpus).ToArray();
            Assert.Equal(order.Schedule.CountOfCorpus(corpus, stream.Length), own.Length);
            foreach (var (epoch, samples) in own.Chunk((int)count).Index())
            {
                Assert.All(samples, s => Assert.Equal(epoch, s.Epoch));
                var numbers = samples.Select(s => s.Index).Order().ToArray();
                Assert.Equal(numbers.Distinct(), numbers);
                if (samples.Length == count)
                {
                    Assert.Equal(Enumerable.Range(0, (int)count).Select(i => first + i), numbers);
                }
            }
        }
    }

    [Fact]
    public void Any_step_is_reached_at_once()
    {
        var walked = Stream(new SampleOrder(Corpora, seed: 9, 2, globalBatch: 7), steps: 60);
        foreach (var step in (int[])[59, 0, 31, 30])
        {
            Assert.Equal(walked.Skip(step * 7).Take(7), new SampleOrder(Corpora, seed: 9, 2, globalBatch: 7).GlobalBatch(step));
        }
    }

    [Fact]
    public void Corpora_of_one_shape_are_shuffled_apart()
    {
        var order = new SampleOrder([new CorpusShare([50], 1), new CorpusShare([50], 1)], seed: 1, 4, globalBatch: 100);
        var samples = order.GlobalBatch(0);
        var (first, second) = (
            samples.Where(s => s.Index < 50).Select(s => s.Index).ToArray(),
            samples.Where(s => s.Index >= 50).Select(s => s.Index - 50).ToArray()
        );
        var length = Math.Min(first.Length, second.Length);
        Assert.NotEqual(first[..length], second[..length]);
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
        var order = new SampleOrder(Corpora, seed: 0, 1, globalBatch: 1);
        Assert.Equal((corpus, group), (order.CorpusOf(index), order.RowGroupOf(index)));
    }

    private static SampleRef[] Stream(SampleOrder order, int steps) =>
        [.. Enumerable.Range(0, steps).SelectMany(step => order.GlobalBatch(step))];
}
