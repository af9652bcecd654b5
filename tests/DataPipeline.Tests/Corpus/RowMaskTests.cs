using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class RowMaskTests
{
    public static TheoryData<int, double> Sets
    {
        get
        {
            var sets = new TheoryData<int, double>();
            foreach (var rows in new[] { 1, 63, 64, 65, 200, 1000 })
            {
                foreach (var share in new[] { 0, 0.02, 0.5, 1 })
                {
                    sets.Add(rows, share);
                }
            }

            return sets;
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Counting_and_finding_agree_with_a_list_for_any_range(int rows, double share)
    {
        var random = new Random(rows);
        var mask = new RowMask(rows);
        var expected = new List<int>();
        for (var row = 0; row < rows; row++)
        {
            if (random.NextDouble() < share)
            {
                expected.Add(row);
            }
            else
            {
                mask.Remove(row);
            }
        }

        Assert.Equal(expected.Count, mask.Count);
        Assert.Equal(expected, Enumerable.Range(0, rows).Where(row => mask[row]));
        foreach (var (first, count) in new[] { (0, rows), (rows / 3, rows / 2), (rows - 1, 1), (rows / 2, 0) })
        {
            var inRange = expected.Where(row => row >= first && row < first + count).ToArray();
            Assert.Equal(inRange.Length, mask.CountIn(first, count));
            for (var nth = 0; nth < inRange.Length; nth++)
            {
                Assert.Equal(inRange[nth], mask.Find(first, nth));
            }
        }
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(1, 63, 65)]
    [InlineData(63, 0, 1, 128, 3)]
    [InlineData(1000, 7, 200, 64, 1)]
    public void Joined_sets_hold_the_rows_of_each_after_those_of_the_sets_before(params int[] sizes)
    {
        var random = new Random(sizes.Length);
        var expected = new List<bool>();
        var sets = Array.ConvertAll(
            sizes,
            rows =>
            {
                var set = new RowMask(rows);
                for (var row = 0; row < rows; row++)
                {
                    expected.Add(random.Next(2) == 0);
                    if (!expected[^1])
                    {
                        set.Remove(row);
                    }
                }

                return set;
            }
        );

        var joined = RowMask.Join(sets);

        Assert.Equal(sizes.Sum(), joined.Rows);
        Assert.Equal(expected, Enumerable.Range(0, sizes.Sum()).Select(row => joined[row]));
        Assert.Equal(expected.Count(held => held), joined.Count);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_packed_set_is_unpacked_as_it_was_and_only_for_its_corpus(int rows, double share)
    {
        var mask = new RowMask(rows);
        for (var row = 0; row < rows; row++)
        {
            if (row * 0.618 % 1 >= share)
            {
                mask.Remove(row);
            }
        }

        var selection = CorpusSelection.Pack([new SelectionStep("some", mask.Count)], mask);

        Assert.Equal(mask.Words.ToArray(), selection.Unpack(rows).Words.ToArray());
        Assert.Throws<InvalidDataException>(() => selection.Unpack(rows + 64));
        Assert.Throws<InvalidDataException>(() => new CorpusSelection([], [1, 2, 3]).Unpack(rows));
    }
}
