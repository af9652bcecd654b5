using System.Text;
using ClipTrain.DataPipeline.Text;
using FsCheck;
using FsCheck.Fluent;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class BpeTokenizerTests
{
    private static readonly BpeTokenizer OpenAi = BpeTokenizer.OpenAi(77);

    [Fact]
    public void The_vocabulary_is_that_of_OpenAI()
    {
        Assert.Equal(49408, OpenAi.VocabularySize);
        Assert.Equal(49406, OpenAi.StartOfText);
        Assert.Equal(49407, OpenAi.EndOfText);
    }

    [Theory]
    [InlineData("a photo of a cat", new long[] { 49406, 320, 1125, 539, 320, 2368, 49407 })]
    [InlineData("hello world!", new long[] { 49406, 3306, 1002, 256, 49407 })]
    [InlineData("  A  Photo\tof\n a CAT ", new long[] { 49406, 320, 1125, 539, 320, 2368, 49407 })]
    [InlineData("", new long[] { 49406, 49407 })]
    public void Known_captions_have_their_known_ids(string caption, long[] expected)
    {
        var tokens = new long[77];
        var end = OpenAi.Encode(caption, tokens);
        Assert.Equal(expected, tokens[..(end + 1)]);
        Assert.All(tokens[(end + 1)..], t => Assert.Equal(0, t));
    }

    [Fact]
    public void A_caption_that_is_too_long_is_cut_and_ends_with_the_end_token()
    {
        var tokens = new long[77];
        var end = OpenAi.Encode(string.Join(' ', Enumerable.Repeat("cat", 500)), tokens);
        Assert.Equal(76, end);
        Assert.Equal([49406, 2368, 2368], tokens[..3]);
        Assert.Equal([2368, 49407], tokens[75..]);
    }

    [Fact]
    public void A_caption_that_just_fits_is_not_cut()
    {
        var tokens = new long[6];
        Assert.Equal(5, BpeTokenizer.OpenAi(6).Encode("cat cat cat cat", tokens));
        Assert.Equal([49406, 2368, 2368, 2368, 2368, 49407], tokens);
    }

    [Fact]
    public void A_window_of_a_long_caption_is_cut_from_the_token_given()
    {
        var whole = new long[77];
        var full = OpenAi.Encode("one two three four five six seven eight nine ten", whole, first: 0);
        Assert.Equal((11, 10, 0), (full.End, full.Length, full.Excess));
        for (var first = 0; first <= 6; first++)
        {
            var tokens = new long[6];
            var caption = BpeTokenizer.OpenAi(6).Encode("one two three four five six seven eight nine ten", tokens, first);
            Assert.Equal((5, 10, 6), (caption.End, caption.Length, caption.Excess));
            Assert.Equal([49406, .. whole[(first + 1)..(first + 5)], 49407], tokens);
        }
    }

    [Fact]
    public void A_batch_is_its_captions_one_by_one_and_tells_how_many_were_cut()
    {
        string[] captions =
        [
            "cat",
            "",
            string.Join(' ', Enumerable.Repeat("cat", 14)),
            string.Join(' ', Enumerable.Repeat("cat", 15)),
            "a photo",
        ];
        var (tokens_bL, ends_b) = (new long[captions.Length * 16], new long[captions.Length]);
        Assert.Equal(1, Short.Encode(captions, tokens_bL, ends_b));
        foreach (var (i, caption) in captions.Index())
        {
            var tokens = new long[16];
            Assert.Equal(Short.Encode(caption, tokens), ends_b[i]);
            Assert.Equal(tokens, tokens_bL[(i * 16)..((i + 1) * 16)]);
        }

        Assert.Throws<ArgumentException>(() => Short.Encode(captions, new long[16], new long[captions.Length]));
    }

    [Fact]
    public void Both_ways_to_merge_a_word_give_the_same_tokens()
    {
        var encoder = new BytePairEncoder(MergeList.OpenAi());
        var words = ArbMap
            .Default.ArbFor<NonEmptyString>()
            .Generator.Select(s => Encoding.UTF8.GetBytes(s.Get))
            .Or(Gen.Elements("ing", "the", "ab", "e", "é").NonEmptyListOf().Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts))));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(2000),
            Prop.ForAll(
                words.ToArbitrary(),
                word =>
                {
                    var (quick, slow) = (new int[word.Length], new int[word.Length]);
                    BytePairEncoder.Bytes(word, quick);
                    BytePairEncoder.Bytes(word, slow);
                    return quick[..encoder.MergeShort(quick)].SequenceEqual(slow[..encoder.MergeLong(slow)]);
                }
            )
        );
    }

    [Fact]
    public void Words_beyond_what_is_remembered_are_encoded_all_the_same()
    {
        var shared = BpeTokenizer.OpenAi(4);
        long[] tokens = new long[4],
            again = new long[4];
        for (var i = 0; i < 200_000; i++)
        {
            shared.Encode(
                $"w{(char)('a' + (i % 26))}{(char)('a' + (i / 26 % 26))}{(char)('a' + (i / 676 % 26))}{(char)('a' + (i / 17576))}",
                tokens
            );
        }

        BpeTokenizer.OpenAi(4).Encode("wzkvl", tokens);
        shared.Encode("wzkvl", again);
        Assert.Equal(tokens, again);
    }

    [Fact]
    public void The_end_token_written_out_is_where_the_feature_is_read()
    {
        var tokens = new long[77];
        Assert.Equal(2, OpenAi.Encode("cat<|endoftext|>dog", tokens));
        Assert.Equal(49407, tokens[4]);
    }

    [Theory]
    [InlineData("<|startoftext|>cat<|endoftext|>dog")]
    [InlineData("<start_of_text>cat<end_of_text>dog")]
    [InlineData("<START_OF_TEXT> CAT <|endoftext|> dog")]
    public void Special_tokens_are_read_in_the_spellings_of_CLIP_and_of_open_clip(string caption)
    {
        var tokens = new long[8];
        Assert.Equal(3, BpeTokenizer.OpenAi(8).Encode(caption, tokens));
        Assert.Equal([49406, 49406, 2368, 49407, 1929, 49407, 0, 0], tokens);
    }

    [Fact]
    public void A_special_token_behind_another_sign_is_text_as_in_the_reference()
    {
        var tokens = new long[77];
        OpenAi.Encode(".<end_of_text>", tokens);
        Assert.Equal(1, tokens.Count(token => token == 49407));
    }

    [Fact]
    public void A_long_s_after_an_apostrophe_is_one_piece_with_it()
    {
        var scanner = new PieceScanner("it'ſ 'ſt 'st"u8);
        var pieces = new List<string>();
        foreach (var piece in scanner)
        {
            pieces.Add(Encoding.UTF8.GetString(piece));
        }

        Assert.Equal(["it", "'ſ", "'ſ", "t", "'s", "t"], pieces);
    }

    [Fact]
    public void A_word_of_a_hundred_thousand_letters_is_encoded_and_cut()
    {
        var tokens = new long[77];
        var word = string.Concat(Enumerable.Range(0, 100_000).Select(i => (char)('a' + (i * i % 26))));
        Assert.Equal(76, OpenAi.Encode(word, tokens));
    }

    [Fact]
    public void Any_text_gives_a_start_an_end_and_ids_of_the_vocabulary()
    {
        var property = Prop.ForAll(
            ArbMap.Default.ArbFor<string>(),
            text =>
            {
                var tokens = new long[16];
                tokens.AsSpan().Fill(-1);
                var end = Short.Encode(text ?? "", tokens);
                return tokens[0] == Short.StartOfText
                    && tokens[end] == Short.EndOfText
                    && tokens.All(t => t >= 0 && t < Short.VocabularySize);
            }
        );
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), property);
    }

    [Fact]
    public void Threads_share_one_tokenizer_and_agree()
    {
        var expected = new long[77];
        OpenAi.Encode("several different words, 1234 and more", expected);
        var shared = BpeTokenizer.OpenAi(77);
        Parallel.For(
            0,
            500,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            i =>
            {
                var tokens = new long[77];
                shared.Encode($"word{i}", tokens);
                shared.Encode("several different words, 1234 and more", tokens);
                Assert.True(expected.AsSpan().SequenceEqual(tokens));
            }
        );
    }

    [Fact]
    public void A_span_of_another_length_than_the_context_is_refused() =>
        Assert.Throws<ArgumentException>(() => OpenAi.Encode("cat", new long[76]));

    private static readonly BpeTokenizer Short = BpeTokenizer.OpenAi(16);
}
