using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Export;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class TarExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_corpus_that_goes_out_and_in_again_is_the_same_to_the_byte()
    {
        TarFile.Write(
            _folder.File("in.tar"),
            [
                .. TarFile.Samples(0, 12, "sub/"),
                ("x.jpeg", Pictures.Jpeg(90)),
                ("x.json", """{"caption": "c", "text": "t", "author": "\"quoted\" 🐈"}"""u8.ToArray()),
                (new string('l', 150) + ".jpg", Pictures.Jpeg(91)),
                (new string('l', 150) + ".txt", "long"u8.ToArray()),
                (new string('l', 150) + ".cls", "4"u8.ToArray()),
            ],
            System.Formats.Tar.TarEntryFormat.Gnu
        );
        Imported.Run(new TarSource([_folder.File("in.tar")]), _folder.File("first"), shardRows: 5);

        Export("first", "exported", shardRows: 4);
        Imported.Run(new TarSource([_folder.File("exported")]), _folder.File("second"), shardRows: 5);
        Export("second", "again", shardRows: 4);

        Assert.Equal(
            ["000000.tar", "000001.tar", "000002.tar", "000003.tar"],
            Directory.GetFiles(_folder.File("exported")).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            StringComparer.Ordinal
        );
        Assert.Equal(Imported.Bytes(_folder.File("first")), Imported.Bytes(_folder.File("second")));
        Assert.Equal(Imported.Bytes(_folder.File("exported")), Imported.Bytes(_folder.File("again")));
    }

    [Fact]
    public void A_sample_is_image_text_and_json_with_every_other_column()
    {
        TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            """
            SELECT {'bytes': 'x'::BLOB, 'path': 'a/b.c.png'} AS image, 'été' AS text, 5 AS width, true AS safe,
              0.25 AS score, NULL::INTEGER AS gone, ['q'] AS tags
            """
        );

        Export("a.parquet", "out", 10);

        var files = TarFile.Read(_folder.File("out/000000.tar"));
        Assert.Equal(["a/b_c.png", "a/b_c.txt", "a/b_c.json"], files.Select(f => f.Name), StringComparer.Ordinal);
        Assert.Equal(
            ["x", "été", """{"width":5,"safe":true,"score":0.25,"gone":null,"tags":["q"]}"""],
            files.Select(f => Encoding.UTF8.GetString(f.Content)),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void A_flat_corpus_without_paths_is_numbered_and_rows_without_image_are_left_out()
    {
        using (var writer = new CorpusWriter(_folder.File("a.parquet")))
        {
            writer.Add(Pictures.Jpeg(0), "zero");
            writer.Add([], "none");
            writer.Add([0x89, (byte)'P', (byte)'N', (byte)'G'], null);
            writer.Complete();
        }

        var done = Export("a.parquet", "out", 10);

        Assert.Equal((3L, 2L, 1), (done.Rows, done.Written, done.Shards));
        Assert.Equal(
            ["000000000.jpg", "000000000.txt", "000000000.json", "000000001.png", "000000001.json"],
            TarFile.Read(_folder.File("out/000000.tar")).Select(f => f.Name),
            StringComparer.Ordinal
        );
    }

    [Theory]
    [InlineData("a/b.jpg", "a/b", "jpg")]
    [InlineData("a.b/c.d.jpeg", "a.b/c_d", "jpeg")]
    [InlineData("/abs//x/../y.PNG", "abs/x/y", "png")]
    [InlineData("../../etc/x.jpg", "etc/x", "jpg")]
    [InlineData("noextension", "noextension", "gif")]
    [InlineData("", "000000007", "gif")]
    [InlineData(null, "000000007", "gif")]
    [InlineData("__x.jpg", "x__x", "jpg")]
    [InlineData(".jpg", "000000007", "jpg")]
    [InlineData("a/.jpg", "a/000000007", "jpg")]
    public void Keys_are_such_that_readers_of_shards_find_the_same_samples(string? path, string key, string extension)
    {
        var next = new SampleKeys().Next(new ExportRow(path, "GIF89a"u8.ToArray(), [], []), 7);

        Assert.Equal((key, extension), next);
        Assert.Equal(new SampleName(key, extension), SampleName.Parse($"{key}.{extension}"));
    }

    [Fact]
    public void Equal_paths_get_keys_of_their_own()
    {
        var keys = new SampleKeys();
        var row = new ExportRow("a.jpg", [], [], []);

        Assert.Equal(["a", "a-2", "a-3"], Enumerable.Range(0, 3).Select(i => keys.Next(row, i).Key), StringComparer.Ordinal);
    }

    [Fact]
    public void Shards_that_are_there_are_not_written_over_and_an_export_cut_off_leaves_no_half_shard()
    {
        TestCorpus.Write(_folder, 10, 25);
        using var stop = new CancellationTokenSource();
        var export = new TarExport(CorpusManifest.Create([_folder.Path]), _folder.File("out"), 10);

        Assert.Throws<OperationCanceledException>(() => export.Run(new StopAt(15, stop), stop.Token));

        Assert.Equal([_folder.File("out/000000.tar")], Directory.GetFiles(_folder.File("out")), StringComparer.Ordinal);
        Assert.Contains(
            "000000.tar is in the way",
            Assert.Throws<ImportRefusedException>(() => export.Run()).Message,
            StringComparison.Ordinal
        );
    }

    private ExportProgress Export(string corpus, string output, int shardRows) =>
        new TarExport(CorpusManifest.Create([_folder.File(corpus)]), _folder.File(output), shardRows).Run();

    private sealed class StopAt(long rows, CancellationTokenSource stop) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value)
        {
            if (value.Rows == rows)
            {
                stop.Cancel();
            }
        }
    }
}
