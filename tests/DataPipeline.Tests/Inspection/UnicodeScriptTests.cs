using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class UnicodeScriptTests
{
    [Theory]
    [InlineData("a dog", "Latin")]
    [InlineData("Straße in Łódź", "Latin")]
    [InlineData("красная площадь", "Cyrillic")]
    [InlineData("η θάλασσα", "Greek")]
    [InlineData("一只狗", "Han")]
    [InlineData("いぬがいる", "Kana")]
    [InlineData("빨간 자동차", "Hangul")]
    [InlineData("كلب", "Arabic")]
    [InlineData("कुत्ता", "Devanagari")]
    [InlineData("หมา", "Thai")]
    [InlineData("𠀋", "Han")]
    [InlineData("red 自動車教習", "Han")]
    [InlineData("Ꭰ", "other")]
    [InlineData("12 🐶!", "no letters")]
    [InlineData("", "no letters")]
    [InlineData("\ud800", "no letters")]
    public void The_script_is_that_of_most_letters(string text, string script) => Assert.Equal(script, UnicodeScript.Of(text));
}
