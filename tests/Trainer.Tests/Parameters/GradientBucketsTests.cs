using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Tests.Parameters;

public class GradientBucketsTests
{
    [Fact]
    public void Buckets_cover_each_part_from_its_end()
    {
        const long bucket = 1 << 22;
        GradientBucket[] expected = [new(bucket + 16, bucket), new(16, bucket), new(0, 16), new((2 * bucket) + 16, 48)];
        Assert.Equal(expected, GradientBuckets.Of([new FlatSlice(0, (2 * bucket) + 16), new FlatSlice((2 * bucket) + 16, 48)]));
    }
}
