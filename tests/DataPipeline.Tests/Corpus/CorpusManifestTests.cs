using System.Text.Json.Nodes;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class CorpusManifestTests : IDisposable
{
    private const string Flat = "SELECT 'x'::BLOB AS image, 'a' AS text";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("SELECT 'x'::BLOB AS image, 'a' AS text", "image", "text")]
    [InlineData("SELECT 'x'::BLOB AS jpg, 'a' AS caption, 'u' AS url, 'success' AS status", "jpg", "caption")]
    [InlineData("SELECT {'bytes': 'x'::BLOB, 'path': 'p'} AS image, 'a' AS caption", "image", "caption")]
    [InlineData("SELECT {'path': 'p', 'bytes': 'x'::BLOB} AS img, ['a', 'b'] AS captions", "img", "captions")]
    [InlineData("SELECT 'x'::BLOB AS webp, 'a' AS TEXT", "webp", "TEXT")]
    [InlineData("SELECT 'path.jpg' AS image, 'x'::BLOB AS png, 7 AS text, 'a' AS title", "png", "title")]
    [InlineData("SELECT {'bytes': 'x'::BLOB} AS \"Image\", 'a' AS \"Caption\"", "Image", "Caption")]
    public void Columns_are_found_by_their_usual_names(string select, string image, string caption)
    {
        var manifest = CorpusManifest.Create([TestCorpus.WriteSql(_folder, "a.parquet", select)]);

        Assert.Equal((image, caption), (manifest.Image.Name, manifest.Caption!.Name));
        using var reader = new CorpusReader(manifest);
        var sample = reader.ReadRows(0, 1).Single();
        Assert.Equal("x"u8, sample.Image.Span);
        Assert.Equal("a", sample.Caption);
    }

    [Fact]
    public void Named_columns_win_over_usual_ones()
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            "SELECT 'x'::BLOB AS image, 'y'::BLOB AS \"my \"\"image\"\"\", 'a' AS text, 'b' AS re_caption"
        );

        var manifest = CorpusManifest.Create([path], "my \"image\"", "re_caption");

        using var reader = new CorpusReader(manifest);
        var sample = reader.ReadRows(0, 1).Single();
        Assert.Equal("y"u8, sample.Image.Span);
        Assert.Equal("b", sample.Caption);
    }

    [Fact]
    public void Files_folders_and_globs_give_each_file_once_in_ordinal_order()
    {
        Directory.CreateDirectory(_folder.File("sub"));
        foreach (
            var name in (string[])["b.parquet", "a.parquet", "B.parquet", "sub/a.parquet", "10.parquet", "9.parquet", "odd [1]*'.parquet"]
        )
        {
            TestCorpus.WriteSql(_folder, name, Flat);
        }

        File.WriteAllText(_folder.File("notes.txt"), "no corpus");

        Assert.Equal(
            ["10.parquet", "9.parquet", "B.parquet", "a.parquet", "b.parquet", "odd [1]*'.parquet"],
            Names([_folder.Path, _folder.File("a.parquet")]),
            StringComparer.Ordinal
        );
        Assert.Equal(["a.parquet", "sub/a.parquet"], Names([_folder.File("**/a.parquet")]), StringComparer.Ordinal);
        Assert.Equal(
            ["B.parquet", "a.parquet", "b.parquet"],
            Names([_folder.File("?.parquet"), _folder.File("[!0-9].parquet")]).Where(n => n[0] > '9'),
            StringComparer.Ordinal
        );
        Assert.Equal(["odd [1]*'.parquet"], Names([_folder.File("odd [1]*'.parquet")]), StringComparer.Ordinal);
    }

    [Fact]
    public void A_path_with_pattern_characters_is_read_as_itself()
    {
        TestCorpus.WriteSql(_folder, "x1.parquet", Flat.Replace("'a'", "'wrong'", StringComparison.Ordinal));
        Directory.CreateDirectory(_folder.File("epoch=3"));
        var path = TestCorpus.WriteSql(_folder, "epoch=3/x[1]?'.parquet", Flat);

        var manifest = CorpusManifest.Create([path]);

        using var reader = new CorpusReader(manifest);
        Assert.Equal("a", reader.ReadRows(0, 1).Single().Caption);
        Assert.Equal(["image", "text"], manifest.Columns.Select(c => c.Name), StringComparer.Ordinal);
    }

    [Fact]
    public void Row_groups_rows_and_places_are_those_of_the_files()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 10, 25, 5);

        Assert.Equal(
            [
                [10, 10, 5],
                [5],
            ],
            manifest.Files.Select(f => f.RowGroups.ToArray())
        );
        Assert.Equal([25L, 5L], manifest.Files.Select(f => f.Rows));
        Assert.Equal(manifest.Files.Select(f => new FileInfo(f.Path).Length), manifest.Files.Select(f => f.Bytes));
        Assert.Equal(30, manifest.SampleCount);
        Assert.Equal([10, 10, 5, 5], manifest.RowGroupRows);
        Assert.Equal((manifest.Files[0].Path, 24L), manifest.Locate(24));
        Assert.Equal((manifest.Files[1].Path, 0L), manifest.Locate(25));
        Assert.Equal($"{manifest.Files[1].Path}:4", manifest.Key(29));
        Assert.Throws<ArgumentOutOfRangeException>(() => manifest.Locate(30));
    }

    [Fact]
    public void A_saved_manifest_is_loaded_as_it_was()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 10, 25, 5);

        manifest.Save(_folder.File("manifest.json"));
        var loaded = CorpusManifest.Load(_folder.File("manifest.json"));

        Assert.Equal(manifest.Hash, loaded.Hash);
        Assert.Equal(manifest.RowGroupRows, loaded.RowGroupRows);
        Assert.Equal(manifest.Files.Select(f => f.Path), loaded.Files.Select(f => f.Path), StringComparer.Ordinal);
        Assert.Equal((manifest.Image.Name, manifest.Image.Expression), (loaded.Image.Name, loaded.Image.Expression));
        Assert.Equal(manifest.Caption!.Columns, loaded.Caption!.Columns);
        Assert.Equal(manifest.Columns, loaded.Columns);
    }

    [Fact]
    public void A_manifest_of_earlier_versions_which_have_columns_in_names_alone_is_read()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT {'bytes': 'x'::BLOB} AS image, ' ' AS recap, 'a' AS text");
        var manifest = CorpusManifest.Create([path], new CorpusColumns { Captions = ["recap", "text"] });
        manifest.Save(_folder.File("manifest.json"));
        var json = JsonNode.Parse(File.ReadAllText(_folder.File("manifest.json")))!;
        foreach (var source in (JsonNode[])[json["image"]!, json["caption"]!, json["parts"]![0]!["image"]!, json["parts"]![0]!["caption"]!])
        {
            source.AsObject().Remove("columns");
        }

        File.WriteAllText(_folder.File("old.json"), json.ToJsonString());

        var loaded = CorpusManifest.Load(_folder.File("old.json"));

        using var reader = new CorpusReader(loaded);
        Assert.Equal(["a"], reader.ReadRows(0, 1).Select(s => s.Caption), StringComparer.Ordinal);
        Assert.Equal(manifest.Hash, loaded.Hash);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("{\"files\": null}")]
    public void What_is_no_manifest_is_refused_by_name(string text)
    {
        File.WriteAllText(_folder.File("manifest.json"), text);

        Assert.Contains(
            _folder.File("manifest.json"),
            Assert.Throws<CorpusException>(() => CorpusManifest.Load(_folder.File("manifest.json"))).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_hash_changes_with_the_content_and_not_with_the_folder()
    {
        using var other = new TemporaryFolder();
        var original = TestCorpus.Create(_folder, rowGroupRows: 10, 25, 5).Hash;
        void AssertDiffers(CorpusManifest manifest) => Assert.NotEqual(original, manifest.Hash, StringComparer.Ordinal);

        Assert.Equal(original, TestCorpus.Create(other, rowGroupRows: 10, 25, 5).Hash);
        AssertDiffers(TestCorpus.Create(other, rowGroupRows: 5, 25, 5));
        AssertDiffers(TestCorpus.Create(other, rowGroupRows: 10, 26, 5));
        AssertDiffers(TestCorpus.Create(other, rowGroupRows: 10, 25));
        TestCorpus.Write(other, 10, 25, 5);
        AssertDiffers(CorpusManifest.Create([other.File("0000.parquet"), other.File("0001.parquet")], captionColumn: "label"));
        File.Move(other.File("0001.parquet"), other.File("0002.parquet"));
        AssertDiffers(CorpusManifest.Create([other.File("0000.parquet"), other.File("0002.parquet")]));
    }

    [Fact]
    public void A_corpus_without_captions_opens_where_none_are_required()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 3 AS label");

        Assert.Null(CorpusManifest.Create([path], captionRequired: false).Caption);
        Assert.Throws<CorpusException>(() => CorpusManifest.Create([path]));
    }

    private string[] Names(IReadOnlyList<string> patterns) =>
        [.. CorpusManifest.Create(patterns).Files.Select(f => Path.GetRelativePath(_folder.Path, f.Path))];

    [Fact]
    public void A_byte_that_has_changed_is_found_though_size_footer_and_time_are_the_same()
    {
        var begun = CorpusManifest.Parse(Saved(TestCorpus.Create(_folder, 10, 20)));
        var path = begun.Files[0].Path;
        var bytes = File.ReadAllBytes(path);
        bytes[10] ^= 1;
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, begun.Files[0].Stamp!.Modified);

        var difference = begun.DifferenceTo(CorpusManifest.Create([path]));
        Assert.Contains($"{path} has the expected size but different contents", difference, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_written_again_alike_is_the_same_and_is_told_of()
    {
        var begun = TestCorpus.Create(_folder, 10, 20, 20);
        var path = begun.Files[1].Path;
        File.SetLastWriteTimeUtc(path, new DateTime(2031, 2, 3, 0, 0, 0, DateTimeKind.Utc));
        var here = CorpusManifest.Create([_folder.Path]);

        Assert.Null(begun.DifferenceTo(here));
        Assert.Equal(begun.Hash, here.Hash);
        Assert.Equal($"{path} was written at 2031-02-03 00:00:00Z", Assert.Single(begun.TouchedIn(here)));
    }

    [Fact]
    public void A_manifest_without_stamps_is_compared_as_before()
    {
        var here = TestCorpus.Create(_folder, 10, 20);
        var json = JsonNode.Parse(Saved(here))!;
        json["files"]![0]!.AsObject().Remove("stamp");
        var begun = CorpusManifest.Parse(System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()));

        Assert.Null(begun.Files[0].Stamp);
        Assert.Null(begun.DifferenceTo(here));
        Assert.Empty(begun.TouchedIn(here));
    }

    private byte[] Saved(CorpusManifest manifest)
    {
        manifest.Save(_folder.File("manifest.json"));
        return File.ReadAllBytes(_folder.File("manifest.json"));
    }
}
