using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class FileListTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FileListTests()
    {
        Directory.CreateDirectory(_folder.File("sub"));
        foreach (var name in (string[])["a.parquet", "b.parquet", "sub/c.parquet", "sub/d.parquet"])
        {
            TestCorpus.WriteSql(_folder, name, "SELECT 'x'::BLOB AS image, 'a' AS text");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("list.txt", "# the corpus\n\n  b.parquet \nsub\n", "b.parquet", "sub/c.parquet", "sub/d.parquet")]
    [InlineData("list.txt", "*.parquet\r\na.parquet\r\n", "a.parquet", "b.parquet")]
    [InlineData("sub/list.json", "[\"c.parquet\", \"../a.parquet\"]", "a.parquet", "sub/c.parquet")]
    public void A_list_names_files_folders_and_globs_beside_itself(string name, string text, params string[] expected)
    {
        File.WriteAllText(_folder.File(name), text);

        Assert.Equal(
            expected,
            CorpusManifest.Create([_folder.File(name)]).Files.Select(f => Path.GetRelativePath(_folder.Path, f.Path)),
            StringComparer.Ordinal
        );
    }

    [Theory]
    [InlineData("list.txt", "# nothing\n", "lists no files")]
    [InlineData("list.txt", "gone.parquet\n", "gone.parquet does not exist")]
    [InlineData("list.json", "{\"files\": 1}", "is not a list of files")]
    [InlineData("list.json", "[\"other.txt\"]", "is itself a list")]
    public void What_is_wrong_with_a_list_is_told_with_its_name(string name, string text, string reason)
    {
        File.WriteAllText(_folder.File(name), text);

        var message = Assert.Throws<CorpusException>(() => CorpusManifest.Create([_folder.File(name)])).Message;

        Assert.Contains(_folder.File(name), message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }
}
