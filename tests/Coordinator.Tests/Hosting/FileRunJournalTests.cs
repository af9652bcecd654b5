using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class FileRunJournalTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RunScript _run = new(2);

    private string Path => _directory.File("journal.jsonl");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_last_state_written_is_the_one_read()
    {
        var journal = new FileRunJournal(Path);
        await journal.WriteAsync(_run.State);
        _run.Form();
        _run.Exit(1, 137, "last words, with ünïcode and \"quotes\"\nand lines");
        await journal.WriteAsync(_run.State);

        Assert.Equal(Json(_run.State), Json(FileRunJournal.Read(Path)));
        Assert.Equal(2, (await File.ReadAllLinesAsync(Path)).Length);
    }

    [Fact]
    public void Without_a_file_there_is_no_state() => Assert.Null(FileRunJournal.Read(Path));

    [Fact]
    public async Task A_line_that_was_cut_short_anywhere_leaves_the_state_before_it_and_the_next_is_whole()
    {
        var journal = new FileRunJournal(Path);
        await journal.WriteAsync(_run.State);
        var first = await File.ReadAllBytesAsync(Path);
        var before = Json(_run.State);
        await journal.WriteAsync(_run.Form().State);
        var both = await File.ReadAllBytesAsync(Path);
        for (var length = 0; length < both.Length; length++)
        {
            await File.WriteAllBytesAsync(Path, both[..length]);

            Assert.Equal(length < first.Length ? null : before, FileRunJournal.Read(Path) is { } read ? Json(read) : null);
            // To write and sync at each of some thousand offsets would take seconds.
            if (length % 97 == 0 || Math.Abs(length - first.Length) < 2)
            {
                await journal.WriteAsync(_run.State);
                Assert.Equal(both[(length < first.Length ? first.Length : 0)..], await File.ReadAllBytesAsync(Path));
            }
        }
    }

    [Fact]
    public async Task A_line_of_which_any_byte_was_changed_does_not_count()
    {
        var journal = new FileRunJournal(Path);
        await journal.WriteAsync(_run.State);
        var first = await File.ReadAllBytesAsync(Path);
        var before = Json(_run.State);
        await journal.WriteAsync(_run.Form().State);
        var both = await File.ReadAllBytesAsync(Path);
        for (var offset = first.Length; offset < both.Length; offset++)
        {
            both[offset] ^= 1;
            await File.WriteAllBytesAsync(Path, both);
            Assert.Equal(before, Json(FileRunJournal.Read(Path)));
            both[offset] ^= 1;
        }
    }

    [Fact]
    public async Task A_file_that_has_grown_large_keeps_its_last_line_alone()
    {
        await new FileRunJournal(Path).WriteAsync(_run.State);
        var line = new FileInfo(Path).Length;
        var journal = new FileRunJournal(Path, compactAbove: line * 3);
        await journal.WriteAsync(_run.State);
        await journal.WriteAsync(_run.State);
        Assert.Equal(line * 3, new FileInfo(Path).Length);

        await journal.WriteAsync(_run.State);

        Assert.Equal(line, new FileInfo(Path).Length);
        Assert.Equal(Json(_run.State), Json(FileRunJournal.Read(Path)));
        Assert.Equal([Path], Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public async Task What_a_crash_left_of_the_file_aside_does_no_harm()
    {
        await File.WriteAllTextAsync(Path + ".tmp", "{\"crc\":");
        await new FileRunJournal(Path, compactAbove: 1).WriteAsync(_run.State);
        Assert.Equal(Json(_run.State), Json(FileRunJournal.Read(Path)));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"phase\":\"Running\"}")]
    public async Task A_whole_line_that_is_no_state_is_named(string text)
    {
        await File.WriteAllTextAsync(Path, $"{{\"crc\":\"{CheckSum(text)}\",\"state\":{text}}}\n");
        var error = Assert.Throws<InvalidDataException>(() => FileRunJournal.Read(Path));
        Assert.StartsWith(Path, error.Message, StringComparison.Ordinal);
    }

    /// <summary>CRC-32C by its definition: the remainder of a division by the reflected polynomial 0x82F63B78.</summary>
    private static string CheckSum(string text)
    {
        var crc = uint.MaxValue;
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (crc % 2 == 1 ? 0x82F63B78 : 0);
            }
        }

        return $"{~crc:x8}";
    }

    private static string Json(RunState? state) => RunScript.Json(Assert.IsType<RunState>(state));
}
