using System.Diagnostics;
using System.IO.Compression;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>Devices, and files that decompress to far more than expected, are rejected before they are read.</summary>
public sealed class RegularFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Pipes_and_devices_are_refused_wherever_a_file_is_read()
    {
        var pipe = _folder.File("pipe");
        Process.Start("mkfifo", [pipe]).WaitForExit();
        foreach (var path in new[] { pipe, "/dev/zero" })
        {
            Assert.Contains("not a file", Assert.Throws<IOException>(() => RegularFile.Require(path)).Message, StringComparison.Ordinal);
            Assert.Contains(
                "not a file",
                Assert.Throws<CorpusException>(() => CorpusManifest.Create([path])).Message,
                StringComparison.Ordinal
            );
            Assert.Contains("not a file", Assert.Throws<ImportRowException>(() => ImageFile.Read(path)).Message, StringComparison.Ordinal);
            Assert.Contains("not a file", Assert.Throws<IOException>(() => MergeList.Load(path)).Message, StringComparison.Ordinal);
            Assert.Contains("not a file", Assert.Throws<IOException>(() => new TarReader(path)).Message, StringComparison.Ordinal);
            Assert.Contains("not a file", Assert.Throws<IOException>(() => FileList.Read(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Files_links_folders_and_what_is_not_there_pass()
    {
        File.WriteAllText(_folder.File("a"), "");
        File.CreateSymbolicLink(_folder.File("link"), _folder.File("a"));
        File.CreateSymbolicLink(_folder.File("dangling"), _folder.File("nothing"));
        foreach (var name in new[] { "a", "link", "dangling", "nothing", "." })
        {
            RegularFile.Require(_folder.File(name));
        }
    }

    [Fact]
    public void A_list_of_merges_that_unpacks_without_end_is_refused()
    {
        var path = _folder.File("merges.txt.gz");
        using (var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
        {
            var block = new byte[1 << 20];
            block.AsSpan().Fill((byte)'a');
            for (var i = 0; i < 80; i++)
            {
                gzip.Write(block);
            }
        }

        Assert.InRange(new FileInfo(path).Length, 0, 1 << 20);
        Assert.Contains(
            "more than 64 MiB",
            Assert.Throws<InvalidDataException>(() => MergeList.Load(path)).Message,
            StringComparison.Ordinal
        );
    }
}
