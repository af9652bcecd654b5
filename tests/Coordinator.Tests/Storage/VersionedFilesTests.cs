using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Tests.Storage;

public sealed class VersionedFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Of_many_writers_of_a_version_exactly_one_succeeds()
    {
        const int Writers = 8;
        const int Versions = 25;
        var winners = new int[Versions + 1];
        using var barrier = new Barrier(Writers);
        var threads = Enumerable
            .Range(0, Writers)
            .Select(writer => new Thread(() =>
            {
                for (var version = 1; version <= Versions; version++)
                {
                    barrier.SignalAndWait();
                    if (VersionedFiles.TryAdd(_directory.Path, version, [(byte)writer]))
                    {
                        Interlocked.Increment(ref winners[version]);
                    }
                }
            }))
            .ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        Assert.All(winners.Skip(1), won => Assert.Equal(1, won));
        Assert.Equal(Versions, VersionedFiles.Read(_directory.Path).Version);
    }

    [Fact]
    public void A_writer_that_slept_through_many_versions_does_not_write_where_they_were_deleted()
    {
        for (var version = 1; version <= 2 * VersionedFiles.Kept; version++)
        {
            Assert.True(VersionedFiles.TryAdd(_directory.Path, version, "new"u8));
        }

        Assert.False(File.Exists(VersionedFiles.PathOf(_directory.Path, 2)));
        Assert.False(VersionedFiles.TryAdd(_directory.Path, 2, "old"u8));

        var (newest, content) = VersionedFiles.Read(_directory.Path);
        Assert.Equal(2 * VersionedFiles.Kept, newest);
        Assert.Equal("new"u8.ToArray(), content);
        Assert.False(File.Exists(VersionedFiles.PathOf(_directory.Path, 2)));
    }

    [Fact]
    public void Old_versions_and_abandoned_writes_do_not_pile_up()
    {
        for (var version = 1; version <= 3 * VersionedFiles.Kept; version++)
        {
            _ = VersionedFiles.TryAdd(_directory.Path, version, []);
            _ = VersionedFiles.TryAdd(_directory.Path, version, []);
        }

        Assert.Equal(VersionedFiles.Kept, Directory.GetFiles(_directory.Path).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(45)]
    public void A_file_cut_short_is_one_error_that_names_it_and_never_the_version_before(int length)
    {
        Write("first", "second");
        var path = VersionedFiles.PathOf(_directory.Path, 2);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);

        var error = Assert.Throws<InvalidDataException>(() => VersionedFiles.Read(_directory.Path));

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flipped_bit_is_found()
    {
        Write("first", "second");
        var path = VersionedFiles.PathOf(_directory.Path, 2);
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);

        Assert.Throws<InvalidDataException>(() => VersionedFiles.Read(_directory.Path));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_one_error_that_names_it()
    {
        File.WriteAllText(_directory.File("taken"), "");
        var folder = Path.Combine(_directory.File("taken"), "state");

        var error = Assert.Throws<IOException>(() => VersionedFiles.TryAdd(folder, 1, []));

        Assert.StartsWith(folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Readers_always_see_a_whole_version_while_writers_go_on()
    {
        using var done = new CancellationTokenSource();
        Write("0");
        var reader = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                var (version, content) = VersionedFiles.Read(_directory.Path);
                Assert.Equal(version == 1 ? 1 : 1000, content.Length);
            }
        });
        reader.Start();
        for (var version = 2; version <= 100; version++)
        {
            Assert.True(VersionedFiles.TryAdd(_directory.Path, version, new byte[1000]));
        }

        done.Cancel();
        reader.Join();
    }

    public void Dispose() => _directory.Dispose();

    private void Write(params string[] contents)
    {
        foreach (var (content, index) in contents.Select((content, index) => (content, index)))
        {
            Assert.True(VersionedFiles.TryAdd(_directory.Path, index + 1, System.Text.Encoding.UTF8.GetBytes(content)));
        }
    }
}
