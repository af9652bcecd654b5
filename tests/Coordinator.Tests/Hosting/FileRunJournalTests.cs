using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class FileRunJournalTests
{
    [Fact]
    public async Task The_last_state_written_is_the_one_read()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("state.json");
        var journal = new FileRunJournal(path);
        var run = new Core.RunScript(2);
        await journal.WriteAsync(run.State);
        run.Form();
        run.Exit(1, 137, "last words");
        await journal.WriteAsync(run.State);

        Assert.Equal(Core.RunScript.Json(run.State), Core.RunScript.Json(FileRunJournal.Read(path)));
        Assert.Equal([path], Directory.GetFiles(directory.Path));
    }

    [Fact]
    public async Task A_write_that_was_cut_short_leaves_the_previous_state()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("state.json");
        var journal = new FileRunJournal(path);
        var run = new Core.RunScript(1);
        await journal.WriteAsync(run.State);
        await File.WriteAllTextAsync(path + ".tmp", "{\"phase\":");

        Assert.Equal(RunPhase.Forming, FileRunJournal.Read(path).Phase);
        await journal.WriteAsync(run.Form().State);
        Assert.Equal(RunPhase.Running, FileRunJournal.Read(path).Phase);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"phase\":\"Running\"}")]
    public async Task A_file_that_is_no_state_is_named(string content)
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("state.json");
        await File.WriteAllTextAsync(path, content);
        var error = Assert.Throws<InvalidDataException>(() => FileRunJournal.Read(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
    }
}
