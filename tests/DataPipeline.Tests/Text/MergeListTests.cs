using System.IO.Compression;
using System.Text;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class MergeListTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("#version: 0.2\nc a\nca t</w>\n")]
    [InlineData("c a\nca t</w>")]
    public void The_version_line_is_optional(string text)
    {
        File.WriteAllText(_path, text);
        var tokenizer = BpeTokenizer.FromMerges(_path, 8);
        Assert.Equal(516, tokenizer.VocabularySize);
        Assert.Equal([514, 513, 515, 0, 0, 0, 0, 0], Encode(tokenizer, "cat"));
    }

    [Fact]
    public void A_file_may_be_compressed()
    {
        using (var gzip = new GZipStream(File.Create(_path), CompressionLevel.Fastest))
        {
            gzip.Write("#version: 0.2\nc a\n"u8);
        }

        Assert.Equal([new Merge("c", "a")], MergeList.Load(_path).Merges);
    }

    [Fact]
    public void What_was_saved_is_loaded_again()
    {
        var merges = MergeTrainer.Learn(["a photo of a photo", "Ünïcode 日本 日本"], 20);
        merges.Save(_path);
        Assert.NotEmpty(merges.Merges);
        Assert.Equal(merges.Merges, MergeList.Load(_path).Merges);
    }

    [Theory]
    [InlineData("c a\nca\n", "line 2", "two symbols")]
    [InlineData("#version: 0.2\nc a\nca  t\n", "line 3", "two symbols")]
    [InlineData("ca t\n", "line 1", "\"ca\"")]
    [InlineData("c a\nc a\n", "line 2", "already exists")]
    [InlineData("c</w> a\n", "line 1", "end of a word")]
    public void A_bad_line_is_named(string text, string line, string reason)
    {
        File.WriteAllText(_path, text);
        var message = Assert.Throws<InvalidDataException>(() => MergeList.Load(_path)).Message;
        Assert.StartsWith($"{_path}, {line}:", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_neither_text_nor_gzip_is_named()
    {
        foreach (
            var bytes in new byte[][] { [0xFF, 0xFE, 0x80, 0x81], [0x1F, 0x8B, 1, 2, 3, 4, 5], [.. Gzip("c a\nca t\n").AsSpan(0, 12)] }
        )
        {
            File.WriteAllBytes(_path, bytes);
            Assert.StartsWith(_path, Assert.Throws<InvalidDataException>(() => MergeList.Load(_path)).Message, StringComparison.Ordinal);
        }
    }

    private static byte[] Gzip(string text)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return memory.ToArray();
    }

    private static long[] Encode(BpeTokenizer tokenizer, string text)
    {
        var tokens = new long[tokenizer.ContextLength];
        tokenizer.Encode(text, tokens);
        return tokens;
    }
}
