using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Images;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class CorpusImportTests : IDisposable
{
    private const int ShardRows = 7;

    private readonly TemporaryFolder _folder = new();

    public CorpusImportTests()
    {
        // Failures at the beginning, in the middle and after the last row, and inputs that end inside a shard.
        TarFile.Write(
            _folder.File("a.tar"),
            [("bad.txt", "x"u8.ToArray()), .. TarFile.Samples(0, 10), ("worse.txt", "x"u8.ToArray()), .. TarFile.Samples(10, 6)]
        );
        File.WriteAllBytes(_folder.File("b.tar"), new byte[1024]);
        TarFile.Write(_folder.File("c.tar.gz"), TarFile.Samples(16, 5));
        TarFile.Write(_folder.File("d.tar"), [.. TarFile.Samples(21, 7), ("last.txt", "x"u8.ToArray())]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_have_the_rows_asked_for_and_rows_keep_their_order()
    {
        var state = Imported.Run(Source(), _folder.File("out"), ShardRows);

        Assert.Equal(
            ["000000.parquet", "000001.parquet", "000002.parquet", "000003.parquet"],
            state.Shards.Select(s => s.File),
            StringComparer.Ordinal
        );
        Assert.Equal([7L, 7L, 7L, 7L], CorpusManifest.Create([_folder.File("out")]).Files.Select(f => f.Rows));
        Assert.Equal(Enumerable.Range(0, 28).Select(i => $"{i}"), Imported.Column(_folder.File("out"), "width"), StringComparer.Ordinal);
        Assert.Equal(
            ["a.tar:bad", "a.tar:worse", "d.tar:last"],
            state.Tally.First.Select(f => Path.GetFileName(f.Place)),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void An_import_that_is_cut_off_after_any_row_goes_on_to_the_same_bytes()
    {
        Imported.Run(Source(), _folder.File("whole"), ShardRows);
        var expected = Imported.Bytes(_folder.File("whole"));
        for (var cut = 1; cut <= 31; cut++)
        {
            var output = _folder.File($"cut{cut}");
            Assert.Throws<TimeoutException>(() => Imported.Run(Source(), output, ShardRows, progress: new CutAfter(cut)));
            var finished = Directory.GetFiles(output, "*.parquet").ToDictionary(f => f, File.GetLastWriteTimeUtc, StringComparer.Ordinal);
            // A killed process leaves a partially written file.
            File.WriteAllText(Path.Combine(output, "000001.parquet.0123.tmp"), "half");

            var rows = new List<long>();
            Imported.Run(Source(), output, ShardRows, progress: new Recorder(rows));

            Assert.Equal(expected, Imported.Bytes(output));
            Assert.All(finished, f => Assert.Equal(f.Value, File.GetLastWriteTimeUtc(f.Key)));
            Assert.True(
                rows.Count == 0 || rows[0] >= finished.Count * ShardRows,
                $"cut after {cut}, {finished.Count} files were finished, and it went on with row {rows[0]}"
            );
            Directory.Delete(output, recursive: true);
        }
    }

    [Fact]
    public void An_import_cut_off_between_a_file_and_the_state_writes_the_file_again()
    {
        Imported.Run(Source(), _folder.File("whole"), ShardRows);
        var expected = Imported.Bytes(_folder.File("whole"));
        for (var cut = 1; cut < 30; cut++)
        {
            var output = _folder.File($"cut{cut}");
            Assert.Throws<TimeoutException>(() => Imported.Run(Source(), output, ShardRows, progress: new CutAfter(cut)));
            var next = Path.Combine(output, ShardWriter.FileName(Directory.GetFiles(output, "*.parquet").Length));
            File.WriteAllText(next, "in place, but not in the state");

            Imported.Run(Source(), output, ShardRows);

            Assert.Equal(expected, Imported.Bytes(output));
        }
    }

    [Fact]
    public void A_finished_import_is_not_done_again()
    {
        Imported.Run(Source(), _folder.File("out"), ShardRows);
        var rows = new List<long>();

        var again = Imported.Run(Source(), _folder.File("out"), ShardRows, progress: new Recorder(rows));

        Assert.Empty(rows);
        Assert.Equal((28L, 3L), (again.Tally.Rows, again.Tally.Failures()));
    }

    [Fact]
    public void Going_on_as_something_else_is_refused_with_the_difference()
    {
        var output = _folder.File("out");
        Assert.Throws<TimeoutException>(() => Imported.Run(Source(), output, ShardRows, progress: new CutAfter(10)));
        void AssertRefused(string part, Action import) =>
            Assert.Contains(part, Assert.Throws<ImportRefusedException>(import).Message, StringComparison.Ordinal);

        AssertRefused("--shard-size 7, but --shard-size is now 8", () => Imported.Run(Source(), output, 8));
        AssertRefused("--verify header", () => Imported.Run(Source(), output, ShardRows, ImageVerification.Decode));
        AssertRefused("--allow-no-caption", () => Imported.Run(Source(), output, ShardRows, allowNoCaption: true));
        AssertRefused("--caption", () => Imported.Run(new TarSource(Inputs(), "alt"), output, ShardRows));
        AssertRefused("4 inputs, but there are now 3", () => Imported.Run(new TarSource(Inputs()[..3]), output, ShardRows));
        AssertRefused("a.tar", () => Imported.Run(new TarSource([.. Inputs().Reverse()]), output, ShardRows));
        File.Delete(Path.Combine(output, "000000.parquet"));
        AssertRefused("000000.parquet is missing", () => Imported.Run(Source(), output, ShardRows));
        File.AppendAllText(_folder.File("d.tar"), "x");
        AssertRefused("d.tar has changed", () => Imported.Run(Source(), output, ShardRows));
        File.WriteAllText(Path.Combine(output, ImportState.FileName), "{");
        AssertRefused(ImportState.FileName, () => Imported.Run(Source(), output, ShardRows));
    }

    [Fact]
    public void A_folder_with_another_corpus_is_left_alone()
    {
        TestCorpus.Write(_folder, 10, 5);

        Assert.Contains(
            "0000.parquet is in the way",
            Assert.Throws<ImportRefusedException>(() => Imported.Run(Source(), _folder.Path)).Message,
            StringComparison.Ordinal
        );
        Assert.False(File.Exists(_folder.File(ImportState.FileName)));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void More_failures_than_allowed_end_the_import(int allowed, bool succeeds)
    {
        if (succeeds)
        {
            Assert.Equal(28, Imported.Run(Source(), _folder.File("out"), maxFailures: allowed).Tally.Rows);
            return;
        }

        Assert.Contains(
            "d.tar:last: no image",
            Assert.Throws<CorpusException>(() => Imported.Run(Source(), _folder.File("out"), maxFailures: allowed)).Message,
            StringComparison.Ordinal
        );
        Assert.Contains("a.tar:bad", File.ReadAllText(Path.Combine(_folder.File("out"), ImportReport.FileName)), StringComparison.Ordinal);
        // With a higher limit it continues.
        Assert.Equal(28, Imported.Run(Source(), _folder.File("out")).Tally.Rows);
    }

    [Fact]
    public void The_report_counts_all_failures_and_names_the_first_hundred()
    {
        TarFile.Write(_folder.File("e.tar"), Enumerable.Range(0, 250).Select(i => ($"{i:D3}.txt", "x"u8.ToArray())));

        Imported.Run(new TarSource([_folder.File("e.tar")]), _folder.File("out"));

        using var report = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder.File("out"), ImportReport.FileName)));
        Assert.Equal(250, report.RootElement.GetProperty("failures_by_reason").GetProperty("no image").GetInt64());
        Assert.Equal(
            Enumerable.Range(0, 100).Select(i => $"{_folder.File("e.tar")}:{i:D3}"),
            report.RootElement.GetProperty("first_failures").EnumerateArray().Select(f => f.GetProperty("place").GetString()),
            StringComparer.Ordinal
        );
        Assert.Empty(Directory.GetFiles(_folder.File("out"), "*.parquet"));
    }

    [Fact]
    public void The_layout_is_that_of_hugging_face_datasets()
    {
        Imported.Run(Source(), _folder.File("out"), ShardRows);
        var file = Sql.Literal(Path.Combine(_folder.File("out"), "000000.parquet"));

        Assert.Equal(
            [
                ["image", "STRUCT(bytes BLOB, path VARCHAR)"],
                ["caption", "VARCHAR"],
                ["url", "VARCHAR"],
                ["width", "VARCHAR"],
                ["nothing", "VARCHAR"],
                ["exif", "VARCHAR"],
            ],
            TestCorpus.Query($"DESCRIBE SELECT * FROM read_parquet({file})", 2)
        );
        var features = Assert.Single(TestCorpus.Query($"SELECT decode(key), decode(value) FROM parquet_kv_metadata({file})", 2));
        Assert.Equal("huggingface", features[0]);
        using var json = JsonDocument.Parse(features[1]!);
        Assert.Equal(
            "Image",
            json.RootElement.GetProperty("info").GetProperty("features").GetProperty("image").GetProperty("_type").GetString()
        );
        Assert.Equal(
            "string",
            json.RootElement.GetProperty("info").GetProperty("features").GetProperty("caption").GetProperty("dtype").GetString()
        );
    }

    [Theory]
    [InlineData(10, 1200, new[] { 500, 500, 200 })]
    [InlineData(200 << 10, 330, new[] { 164, 164, 2 })]
    [InlineData(1 << 20, 210, new[] { 100, 100, 10 })]
    public void Row_groups_are_cut_by_rows_and_size(int imageBytes, int rows, int[] expected)
    {
        var image = new byte[imageBytes];
        using (var writer = new ShardWriter(_folder.File("a.parquet"), [], lists: false))
        {
            for (var i = 0; i < rows; i++)
            {
                writer.Add(new ImportRow("a", image, ["b"], []), []);
            }

            writer.Complete();
        }

        Assert.Equal(expected, CorpusManifest.Create([_folder.File("a.parquet")]).Files[0].RowGroups);
    }

    [Fact]
    public void Decoding_finds_what_a_header_does_not_tell()
    {
        // A PNG with a wrong data checksum.
        var damaged = Convert.FromBase64String(ImageHeaderTests.Png);
        damaged[50] ^= 1;
        TarFile.Write(_folder.File("e.tar"), [("1.png", damaged), ("1.txt", "x"u8.ToArray()), .. TarFile.Samples(2, 1)]);

        Assert.Equal(2, Imported.Run(new TarSource([_folder.File("e.tar")]), _folder.File("header")).Tally.Rows);
        var decoded = Imported.Run(new TarSource([_folder.File("e.tar")]), _folder.File("decode"), verify: ImageVerification.Decode);
        Assert.Equal("image cannot be decoded", Assert.Single(decoded.Tally.First).Reason);
    }

    [Fact]
    public void Progress_rises_to_the_end()
    {
        var shares = new List<double>();

        Imported.Run(Source(), _folder.File("out"), ShardRows, progress: new Shares(shares));

        Assert.Equal(31, shares.Count);
        Assert.Equal(shares.Order(), shares);
        Assert.InRange(shares[^1], 0.9, 1);
    }

    private string[] Inputs() => [_folder.File("a.tar"), _folder.File("b.tar"), _folder.File("c.tar.gz"), _folder.File("d.tar")];

    private TarSource Source() => new(Inputs());

    /// <summary>Interrupts an import as a signal would, at a row chosen by the test.</summary>
    private sealed class CutAfter(int outcomes) : IProgress<ImportProgress>
    {
        private int _left = outcomes;

        public void Report(ImportProgress value)
        {
            if (--_left == 0)
            {
                throw new TimeoutException();
            }
        }
    }

    private sealed class Recorder(List<long> rows) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => rows.Add(value.Rows);
    }

    private sealed class Shares(List<double> shares) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => shares.Add(value.Share);
    }
}
