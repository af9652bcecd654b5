using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class CaptionNormalizerTests
{
    [Theory]
    [InlineData("“Curly” ‘quotes’ and the cat’s", "\"curly\" 'quotes' and the cat's")]
    [InlineData("ﬁne ﬂoor eﬃcient Ĳssel", "fine floor efficient ijssel")]
    [InlineData("ＦＵＬＬ　ｗｉｄｔｈ１２３！", "full width123!")]
    [InlineData("it\u0092s 10 \u0080 \u0096 \u0085", "it's 10 € – …")]
    [InlineData("it&#146;s", "it's")]
    [InlineData("bell\u0007 and \uFEFFmark", "bell and mark")]
    [InlineData("&amp;lt;b&amp;gt;", "<b>")]
    [InlineData("", "")]
    public void A_caption_is_unescaped_straightened_and_lower_cased(string caption, string expected) =>
        Assert.Equal(expected, CaptionNormalizer.Normalize(caption));

    [Fact]
    public void Half_of_a_surrogate_pair_becomes_the_replacement_character() =>
        Assert.Equal("\uFFFD alone", CaptionNormalizer.Normalize("\uD800 alone"));

    [Fact]
    public void Normalising_twice_changes_nothing_more()
    {
        foreach (var caption in new[] { "“A” &amp; ﬁ Ｂ", "ΟΔΟΣ İ", "a  b\u0092c" })
        {
            var once = CaptionNormalizer.Normalize(caption);
            Assert.Equal(once, CaptionNormalizer.Normalize(once));
        }
    }
}
