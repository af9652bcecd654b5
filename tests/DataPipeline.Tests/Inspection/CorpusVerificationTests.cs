using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class CorpusVerificationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_broken_row_is_named_in_order_with_its_reason()
    {
        var path = InspectedCorpus.Write(_folder);
        var reports = new List<(long Rows, long Broken)>();

        var broken = CorpusVerification
            .Run(CorpusManifest.Create([path]), All(path), (rows, bad) => reports.Add((rows, bad)), default)
            .ToList();

        Assert.Equal([63, 64, 65, 66, 67], broken.Select(b => int.Parse(b.Place[(path.Length + 1)..])));
        Assert.Contains("JPEG", broken[1].Reason, StringComparison.Ordinal);
        Assert.Equal(
            ["the image is missing", "the caption is empty", "the caption is empty"],
            broken.Skip(2).Select(b => b.Reason),
            StringComparer.Ordinal
        );
        Assert.Equal($"{path}:65 the image is missing", broken[2].ToString());
        Assert.Equal((InspectedCorpus.Rows, 5), reports[^1]);
    }

    [Fact]
    public void A_damaged_part_of_a_file_is_one_entry_and_the_rest_is_verified()
    {
        var (damaged, other) = (InspectedCorpus.Write(_folder, "a.parquet"), InspectedCorpus.Write(_folder, "b.parquet"));
        var manifest = CorpusManifest.Create([damaged, other]);
        using (var file = File.OpenWrite(damaged))
        {
            // The first page of the first row group.
            file.Position = 4;
            file.Write(new byte[200]);
        }

        var broken = CorpusVerification.Run(manifest, RowChoice.All(manifest), (_, _) => { }, default).ToList();

        Assert.Equal(($"{damaged}:0", 25), (broken[0].Place, broken[0].Rows));
        Assert.Contains("copy or download the file again", broken[0].Reason, StringComparison.Ordinal);
        Assert.Equal(11, broken.Count);
    }

    [Fact]
    public void Images_alone_are_verified_where_there_are_no_captions()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'no image'::BLOB AS image");
        var manifest = CorpusManifest.Create([path], captionRequired: false);

        Assert.DoesNotContain(
            "caption",
            CorpusVerification.Run(manifest, RowChoice.All(manifest), (_, _) => { }, default).Single().Reason,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("the image's header says 70000 × 70000 pixels", "the image's header says … × … pixels")]
    [InlineData("/a/b.parquet, rows 0 to 24: cannot be read", "… rows … to …: cannot be read")]
    [InlineData("the image is missing", "the image is missing")]
    public void Reasons_that_differ_in_numbers_and_paths_are_of_one_kind(string reason, string kind) =>
        Assert.Equal(kind, CorpusVerification.Kind(reason));

    private static RowChoice All(string path) => RowChoice.All(CorpusManifest.Create([path]));
}
