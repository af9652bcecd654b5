using ClipTrain.Cli.Evaluation;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Evaluation;

public sealed class OutputPlaceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_that_can_be_written_is_created_and_stays_empty()
    {
        var folder = Path.Combine(_folder.Path, "a", "b");
        OutputPlace.RequireFolder(folder);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        OutputPlace.RequireFolder(null);
        OutputPlace.RequireFile(null);
    }

    [Theory]
    [InlineData("file")]
    [InlineData("file/below")]
    public void A_folder_that_cannot_be_is_named(string place)
    {
        File.WriteAllText(_folder.File("file"), "");
        var folder = _folder.File(place);
        var error = Assert.Throws<IOException>(() => OutputPlace.RequireFolder(folder));
        Assert.StartsWith($"--output: the folder {folder} cannot be written: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_needs_a_folder_and_is_none()
    {
        var file = Path.Combine(_folder.Path, "new", "differences.json");
        OutputPlace.RequireFile(file);
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(file)!));
        Assert.Contains(
            "is a folder; name a file",
            Assert.Throws<IOException>(() => OutputPlace.RequireFile(_folder.Path)).Message,
            StringComparison.Ordinal
        );
    }
}
