using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class FileChecksumsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.File("SHA256SUMS");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_that_are_the_same_have_no_difference_and_others_are_named()
    {
        var manifest = TestCorpus.Create(_folder, 10, 20, 20);
        FileChecksums.Write(Path, manifest, CancellationToken.None);
        Assert.Empty(Differences(manifest));

        var changed = manifest.Files[1].Path;
        var bytes = File.ReadAllBytes(changed);
        bytes[40] ^= 1;
        File.WriteAllBytes(changed, bytes);

        Assert.StartsWith($"{changed} has changed", Assert.Single(Differences(manifest)), StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_are_those_of_sha256sum()
    {
        var manifest = TestCorpus.Create(_folder, 10, 20);
        FileChecksums.Write(Path, manifest, CancellationToken.None);

        Assert.Matches("^[0-9a-f]{64}  0000.parquet\n$", File.ReadAllText(Path));
    }

    [Fact]
    public void A_file_without_a_checksum_and_a_line_that_is_none_are_told()
    {
        var manifest = TestCorpus.Create(_folder, 10, 20);
        File.WriteAllText(Path, "");
        Assert.Contains("has no checksum", Assert.Single(Differences(manifest)), StringComparison.Ordinal);

        File.WriteAllText(Path, "hello\n");
        Assert.Contains("SHA256SUMS:1", Assert.Throws<CorpusException>(() => Differences(manifest)).Message, StringComparison.Ordinal);
    }

    private List<string> Differences(CorpusManifest manifest) => [.. FileChecksums.Differences(Path, manifest, CancellationToken.None)];
}
