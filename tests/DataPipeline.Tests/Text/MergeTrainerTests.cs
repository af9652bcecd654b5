using System.Text;
using ClipTrain.DataPipeline.Text;
using FsCheck;
using FsCheck.Fluent;

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
    public void Merges_are_those_that_counting_from_scratch_finds()
    {
        var corpora = Gen.Elements("a", "b", "ab", "ba", "c", "cc", "é", " ", "  ", "1", "!", "'s").ListOf().Select(string.Concat).ListOf();
        var property = Prop.ForAll(
            corpora.ToArbitrary(),
            captions => Assert.Equal(LearnNaively(captions, 30), MergeTrainer.Learn(captions, 30).Merges)
        );
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(40), property);
    }

    [Fact]
    public void Words_seen_least_are_forgotten_when_there_are_too_many()
    {
        var counter = new PieceCounter(maxPieces: 4);
        foreach (var caption in new[] { "a a a", "b b", "c", "d d d", "e" })
        {
            counter.Add(caption);
        }

        Assert.Equal("a d", string.Join(' ', counter.Counts.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal(3, counter.Counts["a"]);
    }

    [Fact]
    public void Progress_ends_with_what_was_learned()
    {
        var reports = new List<MergeProgress>();
        var learned = MergeTrainer.Learn(Enumerable.Repeat("red apple", 20_000), 8, new Collected(reports));
        Assert.Equal(new MergeProgress(20_000, 2, learned.Merges.Count), reports[^1]);
        Assert.Equal(new MergeProgress(10_000, 2, 0), reports[0]);
    }

    /// <summary>Counts all pairs before each merge, with the documented rules for ties and for existing symbols.</summary>
    private static List<Merge> LearnNaively(IEnumerable<string> captions, int merges)
    {
        var symbols = ByteAlphabet.Symbols.ToList();
        var words = captions
            .SelectMany(Pieces)
            .Select(piece =>
            {
                var word = new int[Encoding.UTF8.GetByteCount(piece)];
                BytePairEncoder.Bytes(Encoding.UTF8.GetBytes(piece), word);
                return word.Select(token => symbols[token]).ToList();
            })
            .ToList();
        var learned = new List<Merge>();
        while (learned.Count < merges)
        {
            var best = words
                .SelectMany(w => w.Zip(w.Skip(1)))
                .GroupBy(p => p)
                .Where(g => g.Count() > 1 && !symbols.Contains(g.Key.First + g.Key.Second, StringComparer.Ordinal))
                .OrderByDescending(g => g.Count())
                .ThenBy(g => symbols.IndexOf(g.Key.First))
                .ThenBy(g => symbols.IndexOf(g.Key.Second))
                .FirstOrDefault();
            if (best is null)
            {
                break;
            }

            var (left, right) = best.Key;
            learned.Add(new Merge(left, right));
            symbols.Add(left + right);
            foreach (var word in words)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != (left, right))
                    {
                        continue;
                    }

                    word[i] += right;
                    word.RemoveAt(i + 1);
                }
            }
        }

        return learned;
    }

    private static List<string> Pieces(string caption)
    {
        var pieces = new List<string>();
        foreach (var piece in new PieceScanner(Encoding.UTF8.GetBytes(caption)))
        {
            pieces.Add(Encoding.UTF8.GetString(piece));
        }

        return pieces;
    }

    private sealed class Collected(List<MergeProgress> reports) : IProgress<MergeProgress>
    {
        public void Report(MergeProgress value) => reports.Add(value);
    }
}
