using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Tests.Storage;

public sealed class WholeFileTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    private string File => Path.Combine(_folder.Path, "inner", "state.json");

    [Fact]
    public void A_file_and_its_folder_are_created_and_then_replaced()
    {
        WholeFile.Write(File, "first, and longer");
        WholeFile.Write(File, "second");
        Assert.Equal("second", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.GetFiles(Path.GetDirectoryName(File)!));
    }

    [Fact]
    public void Until_all_is_written_readers_find_the_old_content()
    {
        WholeFile.Write(File, "old");
        WholeFile.Write(
            File,
            aside =>
            {
                System.IO.File.WriteAllText(aside, "new");
                Assert.Equal("old", System.IO.File.ReadAllText(File));
            }
        );
        Assert.Equal("new", System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_nothing_else()
    {
        WholeFile.Write(File, "old");
        Assert.Throws<IOException>(() =>
            WholeFile.Write(
                File,
                aside =>
                {
                    System.IO.File.WriteAllText(aside, "ne");
                    throw new IOException("disk full");
                }
            )
        );
        Assert.Equal("old", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.GetFiles(Path.GetDirectoryName(File)!));
    }

    [Fact]
    public void Writers_at_the_same_time_do_not_disturb_each_other_and_the_last_wins()
    {
        WholeFile.Write(
            File,
            aside =>
            {
                System.IO.File.WriteAllText(aside, "slow");
                WholeFile.Write(File, "fast");
                Assert.Equal("fast", System.IO.File.ReadAllText(File));
            }
        );
        Assert.Equal("slow", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.GetFiles(Path.GetDirectoryName(File)!));
    }

    [Fact]
    public void What_a_killed_writer_left_is_deleted_by_a_later_process_but_not_what_another_is_writing()
    {
        // A process looks through a folder once, so what was left is in one that this process has not written to.
        var (left, written) = ("", "");
        WholeFile.Write(_folder.File("elsewhere"), aside => System.IO.File.WriteAllText(left = aside, "old"));
        WholeFile.Write(_folder.File("elsewhere"), aside => System.IO.File.WriteAllText(written = aside, "old"));
        (left, written) = (Here(left), Here(written));
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(left, "torn");
        System.IO.File.SetLastWriteTimeUtc(left, DateTime.UtcNow - TimeSpan.FromDays(2));
        System.IO.File.WriteAllText(written, "not yet whole");
        WholeFile.Write(File, "new");
        Assert.Equal("new", System.IO.File.ReadAllText(File));
        Assert.Equal([File, written], Directory.GetFiles(Path.GetDirectoryName(File)!).Order(StringComparer.Ordinal));
    }

    /// <summary>The same name beside <see cref="File"/>.</summary>
    private string Here(string aside) => File + Path.GetFileName(aside)["elsewhere".Length..];

    public void Dispose() => _folder.Dispose();
}
