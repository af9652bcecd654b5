using System.Text;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class MergeTrainerTests
{
    [Fact]
    public void The_most_frequent_pair_is_merged_first()
    {
        // "l o" and "o w" occur five times (low, lower); w ends a word three times.
        var merges = MergeTrainer.Learn(["low low low lower lower"], 3).Merges;
        Assert.Equal([new Merge("l", "o"), new Merge("lo", "w</w>"), new Merge("e", "r</w>")], merges);
    }

    [Fact]
    public void The_order_of_the_captions_does_not_matter()
    {
        string[] captions = ["red apple", "green apple", "red car", "a green tree and a red tree", "pineapple"];
        var forward = MergeTrainer.Learn(captions, 100).Merges;
        Assert.NotEmpty(forward);
        Assert.Equal(forward, MergeTrainer.Learn(captions.Reverse(), 100).Merges);
    }

    [Fact]
    public void Learning_ends_when_nothing_occurs_twice()
    {
        Assert.Empty(MergeTrainer.Learn(["abc xyz"], 100).Merges);
        Assert.Equal(2, MergeTrainer.Learn(["abc abc"], 100).Merges.Count);
    }

    [Fact]
    public void A_frequent_word_becomes_one_token()
    {
        var captions = Enumerable.Range(0, 50).Select(i => $"photo number {i}").ToArray();
        var tokenizer = new BpeTokenizer(MergeTrainer.Learn(captions, 12), 8);
        var tokens = new long[8];
        Assert.Equal(2, tokenizer.Encode("photo", tokens));
    }

    [Fact]
    public void Every_merge_is_the_most_frequent_one_left_as_counting_from_scratch_finds()
    {
        string[] captions = ["banana bandana", "aaaa aaa aa", "an and ant band", "nana's 100 bananas!", "a b a b ab ab abab"];
        var merges = MergeTrainer.Learn(captions, 100).Merges;
        Assert.NotEmpty(merges);

        var words = captions.SelectMany(c => Pieces(c)).Select(p => p.Select(c => c.ToString()).SkipLast(1).Append(p[^1] + "</w>").ToList()).ToList();
        foreach (var merge in merges)
        {
            var counts = CountPairs(words);
            Assert.Equal(counts.Values.Max(), counts[(merge.Left, merge.Right)]);
            foreach (var word in words)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != (merge.Left, merge.Right))
                        continue;
                    word[i] += word[i + 1];
                    word.RemoveAt(i + 1);
                }
            }
        }

        Assert.True(CountPairs(words).Values.All(c => c < 2));
    }

    private static Dictionary<(string Left, string Right), int> CountPairs(IEnumerable<List<string>> words) =>
        words.SelectMany(w => w.Zip(w.Skip(1))).GroupBy(p => p).ToDictionary(g => g.Key, g => g.Count());

    private static List<string> Pieces(string caption)
    {
        var pieces = new List<string>();
        foreach (var piece in new PieceScanner(Encoding.UTF8.GetBytes(caption)))
            pieces.Add(Encoding.UTF8.GetString(piece));
        return pieces;
    }
}
