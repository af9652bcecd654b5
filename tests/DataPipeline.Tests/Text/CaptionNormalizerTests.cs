using System.Text;
using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class CaptionNormalizerTests
{
    [Theory]
    [InlineData("“Curly” ‘quotes’ and the cat’s", "\"curly\" 'quotes' and the cat's")]
    [InlineData("ﬁne ﬂoor eﬃcient Ĳssel ǅungla", "fine floor efficient ijssel džungla")]
    [InlineData("ＦＵＬＬ　ｗｉｄｔｈ１２３！ ￡５", "full width123! £5")]
    [InlineData("ｶﾞｯｺｳ ﾊﾟﾝ", "ガッコウ パン")]
    [InlineData("it\u0092s 10 \u0080 \u0096 \u0085", "it's 10 € – …")]
    [InlineData("bell\u0007 and \uFEFFmark", "bell and mark")]
    [InlineData("cafe\u0301 nai\u0308ve A\u030A \u212B", "café naïve å å")]
    [InlineData("q\u0307\u0323 d\u0307\u0323", "q\u0323\u0307 ḍ\u0307")]
    [InlineData("\u1112\u1161\u11AB\u1100\u1173\u11AF", "한글")]
    [InlineData("ที่ หนังสือ हिन्दी", "ที่ หนังสือ हिन्दी")]
    [InlineData("", "")]
    public void Characters_are_written_in_one_way(string caption, string expected) => Assert.Equal(expected, Normalize(caption));

    [Theory]
    [InlineData("\u001B[1;31mred\u001B[0m cat", "red cat")]
    [InlineData("\u001B[Ka\u001B[12;40Hb", "ab")]
    [InlineData("\u001B［31ｍwide", "wide")]
    [InlineData("\u001B[?25l \u001B]0;title\u0007 \u001B(B", "[?25l ]0;title (b")]
    [InlineData("\u001B[3\u00071m", "[31m")]
    [InlineData("a\u001B", "a")]
    public void Terminal_escape_sequences_are_removed_as_by_ftfy(string caption, string expected) =>
        Assert.Equal(expected, Normalize(caption));

    [Theory]
    [InlineData("it&#146;s &eacute;t&EACUTE; &#x1F600; &hearts;&nbsp;&rarr;", "it's été 😀 ♥\u00A0→")]
    [InlineData("&amp;lt;b&amp;gt; &amp;amp;amp;", "<b> &")]
    [InlineData("AT&T R&D a&b;c &; &# &#x; &zzz; 1 & 2", "at&t r&d a&b;c &; &# &#x; &zzz; 1 & 2")]
    [InlineData("fish &amp chips &copy2020 &notit; &ampamp", "fish & chips ©2020 ¬it; &")]
    [InlineData("&#0;&#xD800;&#x110000;&#99999999999999999999; &#x1;&#11;x", "\uFFFD\uFFFD\uFFFD\uFFFD x")]
    [InlineData("<b>&ldquo;x&rdquo;</b>", "<b>“x”</b>")]
    public void Html_is_unescaped(string caption, string expected) => Assert.Equal(expected, Normalize(caption));

    [Theory]
    [InlineData("é is Ã©, Ã‰ too", "é is é, é too")]
    [InlineData("donâ€™t â€œquoteâ€\u009D â€“ â€¦", "don't \"quote\" – …")]
    [InlineData("donÃ¢â‚¬â„¢t", "don't")]
    [InlineData("donâ\u0080\u0099t Ã\u0083Â©", "don't é")]
    [InlineData("âœ” No problems", "✔ no problems")]
    [InlineData("Ã perturber la rÃ©flexion", "à perturber la réflexion")]
    [InlineData("10Â kg Â© 5 Â°C", "10 kg © 5 °c")]
    [InlineData("5 Â kg", "5  kg")]
    [InlineData("Ð¼Ð¾Ñ€Ðµ ä¸\u00ADæ–‡ ðŸ˜€", "море 中文 😀")]
    [InlineData("Å‚Ã³dÅº sÄ… goÃ»t KÃ–LN", "łódź są goût köln")]
    public void Utf8_that_was_read_as_windows_1252_is_repaired(string caption, string expected) =>
        Assert.Equal(expected.ToLowerInvariant(), Normalize(caption));

    [Theory]
    [InlineData("IL Y MARQUÉ…")]
    [InlineData("« liberté\u00A0»")]
    [InlineData("liberté…”")]
    [InlineData("publié\u00A0«Le Monde»")]
    [InlineData("IRMÃ… MAÇÃ”")]
    [InlineData("Spaß» 3×½ ESPAÑOL CAFÉ® âge SÃO")]
    [InlineData("(ง'⌣')ง ¿qué? niño’s")]
    public void What_may_be_meant_as_it_stands_is_left(string caption) =>
        Assert.Equal(caption.ToLowerInvariant().Replace('”', '"').Replace('’', '\''), Normalize(caption));

    [Theory]
    [InlineData("ΟΔΟΣ ΣΑΣ Σ ΑΣ'Α ΑΣ' ΑΣ. İ", "οδος σας σ ασ'α ας' ας. i\u0307")]
    [InlineData("ÀÉ ẞ ЖЩ ԱԲ 𐐀 Ⅷ Ⓐ", "àé ß жщ աբ 𐐨 ⅷ ⓐ")]
    public void Capitals_become_small(string caption, string expected) => Assert.Equal(expected, Normalize(caption));

    [Fact]
    public void Half_of_a_surrogate_pair_becomes_the_replacement_character() =>
        Assert.Equal("\uFFFD alone \uFFFD", Normalize("\uD800 alone \uDC00"));

    [Fact]
    public void Normalising_twice_changes_nothing_more()
    {
        foreach (var caption in new[] { "“A” &amp; ﬁ Ｂ", "ΟΔΟΣ İ", "a  b\u0092c", "donÃ¢â‚¬â„¢t" })
        {
            var once = Normalize(caption);
            Assert.Equal(once, Normalize(once));
        }
    }

    [Fact]
    public void The_short_way_and_the_long_way_agree_on_every_character_and_its_neighbours()
    {
        foreach (var neighbour in new[] { "", "a", "é", "Ã", "\u0E49", "'", "中" })
        {
            for (var c = 1; c < char.MaxValue; c++)
            {
                var text = neighbour + (char)c + neighbour;
                if (PlainText.TryLower(text, Buffer, out var written))
                {
                    Assert.Equal(CaptionNormalizer.Normalize(text), Encoding.UTF8.GetString(Buffer[..written]));
                }
            }
        }
    }

    [Fact]
    public void A_caption_longer_than_the_buffer_is_normalised_too() =>
        Assert.Equal(new string('é', 300), Encoding.UTF8.GetString(CaptionNormalizer.Normalize(new string('É', 300), new byte[100])));

    private static readonly byte[] Buffer = new byte[64];

    private static string Normalize(string caption) => Encoding.UTF8.GetString(CaptionNormalizer.Normalize(caption, new byte[1024]));
}
