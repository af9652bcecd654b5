using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Import;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>The files in tests/Cases, written by common tools, each with its expected result.</summary>
public sealed class CaseFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_list_of_images_is_refused_with_the_way_to_rows() =>
        Refused("01-list-of-images", "is a list of images", "unnest(\"image\")");

    [Fact]
    public void A_caption_in_Latin_1_is_one_bad_row_of_24()
    {
        var left = new List<string>();
        Assert.Equal(23, CorpusCaptions.Read(Open("02-bad-utf8"), (key, reason) => left.Add($"{key} {reason}")).Count());
        Assert.Contains("latin1.parquet:5 the caption, column caption, is not UTF-8", Assert.Single(left), StringComparison.Ordinal);
    }

    [Fact]
    public void Binary_captions_are_text()
    {
        var captions = CorpusCaptions.Read(Open("04-binary-captions")).ToList();
        Assert.Equal(24, captions.Count);
        Assert.All(captions, caption => Assert.Matches("^[a-z ]+$", caption));
    }

    [Fact]
    public void Paths_without_bytes_are_said_to_be_that()
    {
        using var rows = new CorpusReader(Open("05-path-only")).Read(0);
        Assert.All(
            Enumerable.Range(0, 24),
            row => Assert.Contains($"only its path is set (/data/img/{row}.jpg)", rows.ImageProblem(row), StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Shards_whose_columns_are_all_null_have_rows_without_a_value()
    {
        var rows = Rows(Open("06-null-typed-shard"));
        Assert.Equal(72, rows.Count);
        Assert.Equal(24, rows.Count(row => row.Image.IsEmpty));
        Assert.Equal(24, rows.Count(row => row.Caption is null));
        Refused("06-null-typed-shard/e0.parquet", "column image has no values in any file");
    }

    [Fact]
    public void Of_TEXT_and_text_the_one_that_is_named_is_trained_on()
    {
        var path = PathOf("07-case-duplicates/a.parquet");
        var (small, large) = (CorpusManifest.Create([path]), CorpusManifest.Create([path], captionColumn: "TEXT"));
        Assert.Contains("text (not TEXT)", small.ColumnsTaken, StringComparison.Ordinal);
        Assert.Equal(24, CorpusCaptions.Read(small).Zip(CorpusCaptions.Read(large)).Count(pair => pair.First != pair.Second));
    }

    [Fact]
    public void A_real_column_file_row_number_leaves_the_rows_in_their_order()
    {
        var (permuted, reference) = (Open("08-odd-names/perm.parquet"), Open("08-odd-names/ref.parquet"));
        AssertSame(reference, permuted);
        var none = new SelectionOptions { Filter = "caption is not null" };
        AssertSame(CorpusSelector.Select(reference, none), CorpusSelector.Select(permuted, none));
    }

    [Fact]
    public void Numbers_of_classes_without_metadata_have_no_names() =>
        Assert.Empty(CorpusManifest.Create([PathOf("13-classlabel")], captionRequired: false).ClassNames("label"));

    [Fact]
    public void Five_captions_an_image_are_all_read()
    {
        var manifest = CorpusManifest.Create([PathOf("14-five-captions")], new CorpusColumns { EveryCaption = true });
        Assert.All(CorpusCaptions.Every(manifest, keyColumn: null), row => Assert.Equal(5, row.Captions.Count));
    }

    [Fact]
    public void Columns_of_unusual_names_are_listed_and_taken_when_named()
    {
        Refused("15-eval-columns/train.parquet", "data.image_column", "picture (BLOB), alt (VARCHAR)");
        Assert.Equal(24, CorpusCaptions.Read(CorpusManifest.Create([PathOf("15-eval-columns/train.parquet")], "picture", "alt")).Count());
    }

    [Fact]
    public void Tables_of_img2dataset_point_to_the_tars_beside_them_which_import_whole()
    {
        Refused("16-img2dataset-webdataset", "the images are in the tar beside it (00000.tar)", "data import tar");
        Assert.Equal(6, Import(new TarSource([PathOf("16-img2dataset-webdataset")])).Count);
    }

    [Fact]
    public void Photographs_with_zeros_for_their_scan_s_parameters_are_whole()
    {
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        var rows = Rows(Open("22-samsung"));
        Assert.Equal(200, rows.Count);
        Assert.Contains(rows, row => HasZeroParameters(row.Image.Span));
        Assert.All(rows, row => decoder.Decode(row.Image.Span, pixels));
    }

    [Fact]
    public void Captions_in_a_JSON_list_have_no_brackets()
    {
        var captions = Import(new TarSource([PathOf("30-tar")]));
        Assert.Equal(5, captions.Count);
        Assert.All(captions.SelectMany(texts => texts), caption => Assert.Matches("^[a-z ]+$", caption));
    }

    [Fact]
    public void A_folder_of_BMP_images_is_imported_and_told_from_a_corpus()
    {
        Assert.Equal(4, Import(new FolderSource([PathOf("32-bmp-folder")])).Count);
        Refused("32-bmp-folder", "contains no .parquet file", "data import folder");
    }

    [Fact]
    public void A_folder_with_brackets_in_its_name_is_itself()
    {
        var rows = Rows(Open("43 [img2dataset]"));
        Assert.Equal((8, 2), (rows.Count, rows.Count(row => row.Image.IsEmpty)));
    }

    private static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "Cases", name);

    private static CorpusManifest Open(string name) => CorpusManifest.Create([PathOf(name)]);

    private static List<Sample> Rows(CorpusManifest manifest)
    {
        using var reader = new CorpusReader(manifest);
        return [.. reader.ReadRows(0, (int)manifest.RowCount).Select(sample => sample with { Image = sample.Image.ToArray() })];
    }

    private static void AssertSame(CorpusManifest expected, CorpusManifest actual) =>
        Assert.Equal(
            Rows(expected).Select(row => (row.Index, Convert.ToHexString(row.Image.Span), row.Caption)),
            Rows(actual).Select(row => (row.Index, Convert.ToHexString(row.Image.Span), row.Caption))
        );

    private static void Refused(string name, params string[] parts)
    {
        var message = Assert.Throws<CorpusException>(() => Open(name)).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    /// <summary>True if a baseline JPEG's first scan says 0 0 0 where it should say 0 63 0.</summary>
    private static bool HasZeroParameters(ReadOnlySpan<byte> jpeg)
    {
        var scan = jpeg.IndexOf<byte>([0xFF, 0xDA]);
        var length = jpeg[scan + 3];
        return jpeg.Slice(scan + 2 + length - 3, 3).IndexOfAnyExcept<byte>(0) < 0;
    }

    private List<string[]> Import(DataPipeline.Import.ImportSource source)
    {
        Imported.Run(source, _folder.File("out"));
        return
        [
            .. CorpusCaptions
                .Every(CorpusManifest.Create([_folder.File("out")], new CorpusColumns { EveryCaption = true }), keyColumn: null)
                .Select(row => row.Captions.ToArray()),
        ];
    }
}
