using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>Error messages for unusable corpora.</summary>
public sealed class CorpusErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_files_folders_and_matches_are_named()
    {
        AssertError([_folder.File("gone.parquet")], _folder.File("gone.parquet"), "does not exist");
        AssertError([_folder.File("*.parquet")], _folder.File("*.parquet"), "no file matches");
        AssertError([_folder.Path], _folder.Path, "contains no .parquet file", "**");
        AssertError([], "no corpus is given");
        AssertError([" "], "path is empty");
    }

    [Fact]
    public void A_file_that_is_not_parquet_is_named()
    {
        File.WriteAllText(_folder.File("a.parquet"), "id,text\n1,hello, this is not Parquet\n");
        AssertError([_folder.File("a.parquet")], _folder.File("a.parquet"), "is not a Parquet file");
        File.WriteAllBytes(_folder.File("empty.parquet"), []);
        AssertError([_folder.File("empty.parquet")], _folder.File("empty.parquet"), "is not a Parquet file");
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.999)]
    [InlineData(0.01)]
    public void A_truncated_file_is_named_as_such(double share)
    {
        var path = TestCorpus.Write(_folder, 50, 500)[0];
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(int)(bytes.Length * share)]);

        AssertError([path], path, "truncated", "download it again");
    }

    [Fact]
    public void Damaged_metadata_is_an_error_that_names_the_file()
    {
        var path = TestCorpus.Write(_folder, 50, 500)[0];
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(bytes.Length - 400, 380).Fill(0x55);
        File.WriteAllBytes(path, bytes);

        AssertError([path], path, "cannot be read as Parquet");
    }

    [Theory]
    [InlineData("SELECT 'u' AS uid, 'http://x' AS url, 'a' AS text, 5 AS original_width, 0.3 AS clip_l14_similarity_score", "url")]
    [InlineData("SELECT 'http://x' AS URL, 'a' AS TEXT, 5 AS WIDTH, 0.1 AS punsafe", "URL")]
    public void Metadata_without_images_is_told_to_be_downloaded_first(string select, string urlColumn) =>
        AssertError(
            [TestCorpus.WriteSql(_folder, "a.parquet", select)],
            _folder.File("a.parquet"),
            $"has URLs (column {urlColumn}) but no image bytes",
            "img2dataset",
            "output_format parquet"
        );

    [Fact]
    public void Columns_that_are_not_found_are_answered_with_those_there_are()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS alt, 7 AS n");
        AssertError([path], path, "no caption column", "data.caption_column", "image (BLOB), alt (VARCHAR), n (INTEGER)");
        var none = TestCorpus.WriteSql(_folder, "b.parquet", "SELECT 'x'::BLOB AS photo, 'a' AS text");
        AssertError([none], none, "no image column", "data.image_column", "photo (BLOB), text (VARCHAR)");

        Assert.Contains(
            "no column foo (data.caption_column)",
            Assert.Throws<CorpusException>(() => CorpusManifest.Create([path], null, "foo")).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "n (INTEGER)",
            Assert.Throws<CorpusException>(() => CorpusManifest.Create([path], null, "n")).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "alt (VARCHAR)",
            Assert.Throws<CorpusException>(() => CorpusManifest.Create([path], "alt", "alt")).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("SELECT 'x'::BLOB AS image, 'a' AS caption")]
    [InlineData("SELECT {'bytes': 'x'::BLOB} AS image, 'a' AS text")]
    [InlineData("SELECT 'x'::BLOB AS jpg, 'a' AS text")]
    [InlineData("SELECT 'x'::BLOB AS image, ['a'] AS text")]
    public void Files_that_differ_are_both_named(string second)
    {
        var a = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text");
        var b = TestCorpus.WriteSql(_folder, "b.parquet", second);

        AssertError([a, b], a, b, "differ in their columns");
    }

    [Fact]
    public void Other_columns_may_differ()
    {
        var a = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text, 1 AS width, NULL::INTEGER AS error");
        var b = TestCorpus.WriteSql(_folder, "b.parquet", "SELECT 'failed' AS error, 'a' AS text, 'x'::BLOB AS image");

        Assert.Equal(["image", "text", "error"], CorpusManifest.Create([a, b]).Columns.Select(c => c.Name), StringComparer.Ordinal);
    }

    [Fact]
    public void A_corpus_without_rows_is_refused() =>
        AssertError(
            [TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text LIMIT 0")],
            _folder.File("a.parquet"),
            "has no rows"
        );

    private static void AssertError(IReadOnlyList<string> paths, params ReadOnlySpan<string> parts)
    {
        var message = Assert.Throws<CorpusException>(() => CorpusManifest.Create(paths)).Message;
        foreach (var part in parts)
        {
            Assert.Contains(part, message, StringComparison.Ordinal);
        }
    }
}
