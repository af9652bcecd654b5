using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class TokenDecoderTests
{
    private static readonly BpeTokenizer Tokenizer = BpeTokenizer.OpenAi(77);
    private static readonly TokenDecoder Decoder = new(Tokenizer.Merges);

    [Theory]
    [InlineData("a photo of a dog")]
    [InlineData("antidisestablishmentarianism")]
    [InlineData("straße")]
    [InlineData("красная площадь")]
    public void Words_come_back(string text)
    {
        var tokens = new long[77];
        var end = Tokenizer.Encode(text, tokens);

        Assert.Equal(
            text + " ",
            string.Concat(Decoder.Decode(tokens.AsSpan(1, end - 1)).Select(token => token.EndsWord ? token.Text + " " : token.Text))
        );
    }

    [Fact]
    public void Marks_are_written_out_and_a_part_of_a_character_at_the_end_of_a_word_is_a_replacement()
    {
        Assert.Equal(
            ["<|startoftext|>", "<|endoftext|>"],
            Decoder.Decode([49406, 49407]).Select(token => token.Text),
            StringComparer.Ordinal
        );
        Assert.Contains("\uFFFD", Enumerable.Range(256, 256).Select(token => Decoder.Decode([token])[0].Text), StringComparer.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Decoder.Decode([49408]));
    }
}
