using System.Numerics;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class NearHashesTests
{
    [Fact]
    public void The_buckets_find_what_comparing_with_all_finds()
    {
        var random = new Random(11);
        var near = new NearHashes();
        var kept = new List<ulong>();
        var origins = Enumerable.Range(0, 200).Select(_ => (ulong)random.NextInt64()).ToArray();
        var dropped = 0;
        for (var i = 0; i < 5000; i++)
        {
            var hash = origins[random.Next(origins.Length)];
            for (var flips = random.Next(8); flips > 0; flips--)
            {
                hash ^= 1UL << random.Next(64);
            }

            var isNew = kept.TrueForAll(other => BitOperations.PopCount(other ^ hash) > NearHashes.Radius);

            Assert.Equal(isNew, near.Add(hash));
            if (isNew)
            {
                kept.Add(hash);
            }
            else
            {
                dropped++;
            }
        }

        Assert.InRange(dropped, 1000, 4000);
    }
}
