using System.Globalization;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public class CounterRandomTests
{
    // Known answers from Random123's kat_vectors for philox4x32, 10 rounds: counter, key, result.
    [Theory]
    [InlineData("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [InlineData("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [InlineData("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void Philox_gives_the_published_answers(string counter, string key, string expected)
    {
        var (c, k) = (Words(counter), Words(key));

        var result = CounterRandom.Philox(c[0], c[1], c[2], c[3], k[0], k[1]);

        Assert.Equal<uint[]>(Words(expected), [(uint)result, (uint)(result >> 32), (uint)(result >> 64), (uint)(result >> 96)]);
    }

    [Fact]
    public void Numbers_come_in_the_order_of_the_published_answer()
    {
        var random = new CounterRandom(0, 0, 0);

        Assert.Equal<uint[]>(
            [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
            [random.NextUInt32(), random.NextUInt32(), random.NextUInt32(), random.NextUInt32()]
        );
    }

    [Fact]
    public void Different_purposes_give_different_streams()
    {
        ulong[] values = [0, 1, 2, 3, 1UL << 16, 1UL << 31, 1UL << 32, 1UL << 48, 1UL << 63, ulong.MaxValue];
        var firsts = new HashSet<(uint, uint, uint, uint)>();

        foreach (var seed in values)
        {
            for (ulong epoch = 0; epoch < 20; epoch++)
            {
                foreach (var sample in values)
                {
                    var random = new CounterRandom(seed, epoch, sample);
                    Assert.True(
                        firsts.Add((random.NextUInt32(), random.NextUInt32(), random.NextUInt32(), random.NextUInt32())),
                        $"{seed} {epoch} {sample} repeats"
                    );
                }
            }
        }
    }

    [Fact]
    public void Doubles_fill_the_unit_interval_evenly()
    {
        var bins = new int[10];
        var random = new CounterRandom(7, 1, 2);
        for (var i = 0; i < 100_000; i++)
        {
            var value = random.NextDouble();
            Assert.InRange(value, 0, 1 - double.Epsilon);
            bins[(int)(value * 10)]++;
        }

        // Chi-square with 9 degrees of freedom: above 33.7 once in 10,000 seeds; this seed is fixed.
        Assert.True(bins.Sum(n => Math.Pow(n - 10_000, 2) / 10_000) < 33.7, string.Join(' ', bins));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public void Bounded_integers_are_even_over_their_range(int bound)
    {
        var counts = new int[bound];
        var random = new CounterRandom(1, 2, 3);
        for (var i = 0; i < 30_000; i++)
        {
            counts[random.NextInt64(bound)]++;
        }

        var expected = 30_000.0 / bound;
        Assert.True(counts.Sum(n => Math.Pow(n - expected, 2) / expected) < 33.7, string.Join(' ', counts));
    }

    [Fact]
    public void A_bound_above_half_the_range_rejects_rather_than_bends()
    {
        var random = new CounterRandom(5, 0, 0);
        const long bound = (long)((1UL << 63) / 3 * 2);
        var low = 0;
        for (var i = 0; i < 3000; i++)
        {
            var value = random.NextInt64(bound);
            Assert.InRange(value, 0, bound - 1);
            low += value < bound / 2 ? 1 : 0;
        }

        Assert.InRange(low, 1350, 1650);
    }

    private static uint[] Words(string hex) =>
        [.. hex.Split(' ').Select(word => uint.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
}
