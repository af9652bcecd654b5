using System.Text.Json;
using ClipTrain.DataPipeline.Tests.Images;
using ClipTrain.DataPipeline.Text;
using FsCheck.Fluent;

namespace ClipTrain.DataPipeline.Tests.Text;

/// <summary>
/// Comparison with clip_reference.py, a plain implementation in Python; one process for all captions of a test.
/// </summary>
public sealed class BpeReferenceTests
{
    private static readonly string[] Captions =
    [
        "a photo of a cat",
        "it's what they've said: I'm sure we'll go, he'd say 'tis so",
        "DON'T 'SHOUT'",
        "o'clock o''clock 's",
        "1999 was 20 years ago, 3.5% of £1,000",
        "dogs &amp; cats &lt;3 &amp;amp; more &quot;quotes&quot; &#39;single&#39; &eacute;t&eacute; &nbsp; caf&#233;",
        "<b>bold</b> http://example.com/a?b=c#d foo_bar@baz",
        "😀 smile 😀😀 👩‍👩‍👧‍👦 family 🇩🇪 flag ☃️",
        "中文字幕 一只猫的照片",
        "日本語のキャプション ｶﾅ",
        "صورة قطة جميلة",
        "תמונה של חתול",
        "фотография КОТА",
        "e\u0301te\u0301 nai\u0308ve Z\u0351\u036Balgo",
        "ÀÉÎÕÜ ß ẞ İstanbul ıI ΑΘΗΝΑΣ Σ ΣΑΣ ΟΔΟΣ. ﷺ",
        "𝐀𝐁𝐂 𝟏𝟐𝟑 ½ ² Ⅷ ٣ 三",
        "zero\u200bwidth soft\u00adhyphen non\u00a0breaking",
        "supercalifragilisticexpialidocious antidisestablishmentarianism",
        "!!!??? ... --- ***",
        "a!'s b'll'll",
        "<|startoftext|>cat<|endoftext|> <|endoftext|",
        "<start_of_text>cat<end_of_text> <end_of_text",
        "it'ſ Mr'ﬅ 'ſ",
        "\u001B[1;31mred\u001B[0m \u001B［31ｍ wide \u001B[2x",
        "\t\r\n",
        "",
        "x",
        "the quick brown fox jumps over the lazy dog "
            + "again and again and again and again and again and again and again and again and again and again and again and again and "
            + "again and again and again and again and again and again and again and again and again and again",
    ];

    [Fact]
    public void Ids_of_OpenAIs_vocabulary_equal_the_reference()
    {
        var random = RandomCaption.Any.Sample(size: 12, numberOfSamples: 6000).ToArray();
        AssertEqualsReference(MergeList.OpenAi(), [.. Captions, .. random, string.Concat(random[..300])]);
    }

    [Fact]
    public void Ids_of_a_learned_vocabulary_equal_the_reference()
    {
        string[] captions = [.. Captions, .. RandomCaption.Any.Sample(size: 12, numberOfSamples: 1000)];
        AssertEqualsReference(MergeTrainer.Learn(captions, 300), captions);
    }

    private static void AssertEqualsReference(MergeList merges, string[] captions)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-bpe-").FullName;
        try
        {
            string mergesFile = Path.Combine(folder, "merges.txt"),
                captionsFile = Path.Combine(folder, "captions.json"),
                result = Path.Combine(folder, "ids.json");
            merges.Save(mergesFile);
            File.WriteAllText(captionsFile, JsonSerializer.Serialize(captions));
            PythonPeer.Run("Text/clip_reference.py", mergesFile, captionsFile, result);
            var expected = JsonSerializer.Deserialize<long[][]>(File.ReadAllBytes(result))!;
            var tokenizer = BpeTokenizer.FromMerges(mergesFile, 77);
            for (var i = 0; i < captions.Length; i++)
            {
                var tokens = new long[77];
                tokenizer.Encode(captions[i], tokens);
                Assert.True(
                    expected[i].AsSpan().SequenceEqual(tokens),
                    $"{JsonSerializer.Serialize(captions[i])}: expected {string.Join(' ', expected[i])}, got {string.Join(' ', tokens)}"
                );
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
