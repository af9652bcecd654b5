using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class FileStampTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(40_000)]
    [InlineData(65_536)]
    public void Every_byte_of_a_small_file_counts(int length)
    {
        var path = _folder.File("a");
        var bytes = new byte[length];
        File.WriteAllBytes(path, bytes);
        var before = FileStamp.Of(path).Sample;
        for (var i = 0; i < length; i += Math.Max(1, length / 97))
        {
            bytes[i] = 1;
            File.WriteAllBytes(path, bytes);
            bytes[i] = 0;

            Assert.NotEqual(before, FileStamp.Of(path).Sample, StringComparer.Ordinal);
        }
    }

    [Fact]
    public void The_ends_of_a_large_file_count()
    {
        var path = _folder.File("a");
        foreach (var changed in new[] { 0, 4095, 9_999_999 })
        {
            var bytes = new byte[10_000_000];
            File.WriteAllBytes(path, bytes);
            var before = FileStamp.Of(path).Sample;
            bytes[changed] = 1;
            File.WriteAllBytes(path, bytes);

            Assert.NotEqual(before, FileStamp.Of(path).Sample, StringComparer.Ordinal);
        }
    }
}
