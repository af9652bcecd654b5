using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Import.Export;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>Kinds of images, shards and folders with reported problems.</summary>
public sealed class ReportedInputsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder.File("out");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Captions_that_are_a_list_stay_a_list_and_an_export_loses_none()
    {
        TarFile.Write(
            _folder.File("a.tar"),
            [
                ("0.jpg", Pictures.Jpeg(0)),
                ("0.json", """{"caption": ["first", "second"]}"""u8.ToArray()),
                ("1.jpg", Pictures.Jpeg(1)),
                ("1.json", """{"caption": "only"}"""u8.ToArray()),
                ("2.jpg", Pictures.Jpeg(2)),
                ("2.json", """{"caption": {"en": "x"}}"""u8.ToArray()),
            ]
        );
        var state = Imported.Run(new TarSource([_folder.File("a.tar")]), Output);

        Assert.Equal(["caption is not text"], state.Tally.Reasons.Keys, StringComparer.Ordinal);
        Assert.Equal(
            [
                ["first", "second"],
                ["only"],
            ],
            Captions(Output)
        );
        new TarExport(CorpusManifest.Create([Output], new CorpusColumns { EveryCaption = true }), _folder.File("tars"), 10).Run();
        Imported.Run(new TarSource([_folder.File("tars")]), _folder.File("again"));
        Assert.Equal(
            [
                ["first", "second"],
                ["only"],
            ],
            Captions(_folder.File("again"))
        );
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void A_text_of_several_lines_is_one_caption_or_several_by_option(bool isLineEach, int captions)
    {
        File.WriteAllBytes(_folder.File("0.jpg"), Pictures.Jpeg(0));
        File.WriteAllText(_folder.File("0.txt"), "a cat\na cat on a mat\n");
        Imported.Run(new FolderSource([_folder.Path], caption: null, isLineEach), Output);
        Assert.Equal(captions, Captions(Output).Single().Length);
    }

    [Fact]
    public void Archives_written_one_behind_the_other_are_all_read_and_what_is_no_archive_is_told()
    {
        TarFile.Write(_folder.File("a.tar"), TarFile.Samples(0, 3));
        TarFile.Write(_folder.File("b.tar"), TarFile.Samples(3, 2));
        byte[] both = [.. File.ReadAllBytes(_folder.File("a.tar")), .. new byte[5120], .. File.ReadAllBytes(_folder.File("b.tar"))];
        Directory.CreateDirectory(_folder.File("in"));
        File.WriteAllBytes(_folder.File("in/both.tar"), both);
        Assert.Equal(5, Imported.Run(new TarSource([_folder.File("in")]), Output).Tally.Rows);

        File.WriteAllBytes(_folder.File("in/both.tar"), [.. both, .. "what is this"u8]);
        var damaged = Imported.Run(new TarSource([_folder.File("in")]), _folder.File("out2"));
        Assert.Equal((5L, "damaged shard"), (damaged.Tally.Rows, damaged.Tally.First.Single().Reason));
    }

    [Theory]
    [InlineData("bmp")]
    [InlineData("ppm")]
    [InlineData("pgm")]
    [InlineData("tga")]
    public void Formats_that_importers_list_are_read_and_cut_ones_refused(string extension)
    {
        var image = Picture(extension);
        File.WriteAllBytes(_folder.File($"0.{extension}"), image);
        File.WriteAllText(_folder.File("0.txt"), "a square");
        Assert.Equal(1, Imported.Run(new FolderSource([_folder.Path]), Output).Tally.Rows);

        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        decoder.Decode(image, pixels);
        Assert.Equal((2, 2), (pixels.Width, pixels.Height));
        Assert.Equal(extension == "pgm" ? [10, 10, 10] : new byte[] { 10, 20, 30 }, Pixels.ToRgb(pixels)[..3]);
        Assert.Throws<ImageDecodeException>(() => decoder.Decode(image.AsSpan(0, image.Length - 3), pixels));
    }

    [Fact]
    public void Photographs_whose_writer_was_careless_are_whole_and_damaged_ones_are_not()
    {
        var jpeg = Pictures.Jpeg(3);
        var scan = jpeg.AsSpan().IndexOf<byte>([0xFF, 0xDA]);
        var afterScan = scan + 2 + jpeg[scan + 3];
        byte[] zeroParameters = [.. jpeg];
        zeroParameters.AsSpan(afterScan - 3, 3).Clear();
        byte[] padded = [.. jpeg[..^2], 0, 0, 0, 0xFF, 0xD9];
        byte[] betweenSegments = [.. jpeg[..scan], 1, 2, 3, 4, .. jpeg[scan..]];
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        decoder.Decode(jpeg, pixels);
        var expected = Pixels.ToRgb(pixels);
        foreach (var careless in (byte[][])[zeroParameters, padded, betweenSegments])
        {
            decoder.Decode(careless, pixels);
            Assert.Equal(expected, Pixels.ToRgb(pixels));
        }

        Assert.Throws<ImageDecodeException>(() => decoder.Decode([.. jpeg[..(afterScan + 8)], 0xFF, 0xD9], pixels));
    }

    [Fact]
    public void SkiaSharp_gives_the_pixels_of_libjpeg_turbo_and_refuses_what_is_cut()
    {
        using var decoder = new ImageDecoder();
        using PixelBuffer turbo = new(),
            skia = new();
        var jpeg = Pictures.Jpeg(2);
        decoder.Decode(jpeg, turbo);
        SkiaJpeg.Decode(jpeg, skia, new ImageLimits());
        Assert.Equal(Pixels.ToRgb(turbo), Pixels.ToRgb(skia));
        Assert.Throws<ImageDecodeException>(() => SkiaJpeg.Decode(jpeg.AsSpan(0, jpeg.Length / 2), skia, new ImageLimits()));
        SkiaJpeg.Decode(SkiaJpeg.Encode(turbo, 95), skia, new ImageLimits());
        Assert.Equal((turbo.Width, turbo.Height), (skia.Width, skia.Height));
    }

    [Fact]
    public void References_escaped_ten_thousands_of_times_are_read_in_one_pass()
    {
        var caption = "a &" + string.Concat(Enumerable.Repeat("amp;", 25_000)) + "lt; b";
        var tokenizer = BpeTokenizer.OpenAi(77);
        long[] expected = new long[77],
            tokens = new long[77];
        tokenizer.Encode("a < b", expected, first: 0);
        tokenizer.Encode(caption, tokens, first: 0);
        Assert.Equal(expected, tokens);
    }

    private static byte[] Picture(string extension) =>
        extension switch
        {
            "ppm" => [.. "P6 2 2 255\n"u8, 10, 20, 30, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            "pgm" => [.. "P5\n# comment\n2 2\n255\n"u8, 10, 20, 30, 40],
            "tga" => [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 24, 0x20, 30, 20, 10, 3, 2, 1, 6, 5, 4, 9, 8, 7],
            _ =>
            [
                .. "BM"u8,
                70,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                54,
                0,
                0,
                0,
                40,
                0,
                0,
                0,
                2,
                0,
                0,
                0,
                2,
                0,
                0,
                0,
                1,
                0,
                24,
                0,
                0,
                0,
                0,
                0,
                16,
                0,
                0,
                0,
                .. new byte[16],
                6,
                5,
                4,
                9,
                8,
                7,
                0,
                0,
                30,
                20,
                10,
                3,
                2,
                1,
                0,
                0,
            ],
        };

    private static string[][] Captions(string folder) =>
        [
            .. CorpusCaptions
                .Every(CorpusManifest.Create([folder], new CorpusColumns { EveryCaption = true }), keyColumn: null)
                .Select(row => row.Captions.ToArray()),
        ];
}
