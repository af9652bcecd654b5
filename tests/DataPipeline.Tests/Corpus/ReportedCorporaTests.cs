using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.Parquet;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Import;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>Kinds of corpora with reported problems, each as a small example.</summary>
public sealed class ReportedCorporaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_list_of_images_is_refused_at_once_with_the_way_to_rows() =>
        Refused(
            [TestCorpus.WriteSql(_folder, "a.parquet", "SELECT [{'bytes': 'x'::BLOB, 'path': 'p'}] AS image, 'a' AS caption")],
            "is a list of images",
            "explode('image')",
            "unnest(\"image\")"
        );

    [Fact]
    public void One_caption_that_is_not_UTF8_is_one_bad_row_and_the_others_are_read()
    {
        var path = _folder.File("latin1.parquet");
        using (var writer = new ParquetFileWriter(path, [new("image", IsText: false), new("caption", IsText: true)]))
        {
            for (var i = 0; i < 24; i++)
            {
                writer.Add(0, Pictures.Jpeg(i));
                writer.Add(1, i == 7 ? Encoding.Latin1.GetBytes("un café") : Encoding.UTF8.GetBytes($"a café, {i}"));
                writer.EndRow();
            }

            writer.Complete();
        }

        var manifest = CorpusManifest.Create([path]);
        var left = new List<string>();
        Assert.Equal(23, CorpusCaptions.Read(manifest, (key, reason) => left.Add($"{key} {reason}")).Count());
        Assert.Contains($"{path}:7 the caption, column caption, is not UTF-8", Assert.Single(left), StringComparison.Ordinal);
        var broken = Assert.Single(CorpusVerification.Run(manifest, RowChoice.All(manifest), (_, _) => { }, CancellationToken.None));
        Assert.Equal(($"{path}:7", 1L), (broken.Place, broken.Rows));
        Assert.Equal(
            24,
            CorpusSelector
                .Select(
                    manifest,
                    new SelectionOptions
                    {
                        Queries = ["cafe", "café"],
                        QueryCap = 100,
                        Deduplicate = Deduplication.Exact,
                    }
                )
                .RowCount
        );
    }

    [Fact]
    public void A_link_has_the_length_of_its_file_everywhere()
    {
        var path = TestCorpus.Write(_folder, 10, 40)[0];
        Directory.CreateDirectory(_folder.File("links"));
        File.CreateSymbolicLink(_folder.File("links/0000.parquet"), path);

        var (direct, linked) = (CorpusManifest.Create([path]), CorpusManifest.Create([_folder.File("links")]));

        Assert.Equal(new FileInfo(path).Length, linked.Files[0].Bytes);
        Assert.Equal(direct.Hash, linked.Hash);
        using var reader = new CorpusReader(linked);
        Assert.Equal(40, reader.ReadRows(0, 40).Count());
        Assert.Equal(ImportInput.File(path) with { Path = "" }, ImportInput.File(_folder.File("links/0000.parquet")) with { Path = "" });
    }

    [Fact]
    public void Captions_without_the_mark_of_text_are_read_as_text()
    {
        var manifest = CorpusManifest.Create([
            TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a cat'::BLOB AS caption"),
        ]);
        Assert.Equal(["a cat"], CorpusCaptions.Read(manifest), StringComparer.Ordinal);
    }

    [Fact]
    public void Null_bytes_with_a_path_are_said_to_be_that()
    {
        var manifest = CorpusManifest.Create([
            TestCorpus.WriteSql(
                _folder,
                "a.parquet",
                "SELECT {'bytes': NULL::BLOB, 'path': 'img/7.jpg'} AS image, 'a' AS caption FROM range(3)"
            ),
        ]);
        using var rows = new CorpusReader(manifest).Read(0);
        Assert.Contains("only its path is set (img/7.jpg)", rows.ImageProblem(2), StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_of_nulls_alone_fits_whatever_the_other_files_have()
    {
        string[] files =
        [
            WriteNull("0.parquet", "image"),
            TestCorpus.WriteSql(_folder, "1.parquet", "SELECT 'x'::BLOB AS image, 'b' AS caption"),
            WriteNull("2.parquet", "caption"),
        ];

        var manifest = CorpusManifest.Create(files);

        using var reader = new CorpusReader(manifest);
        Assert.Equal([(0, "a"), (1, "b"), (1, null)], reader.ReadRows(0, 3).Select(s => (s.Image.Length, s.Caption)));
        Refused([files[0]], "column image has no values in any file");
    }

    [Fact]
    public void Names_that_differ_in_case_alone_are_different_columns()
    {
        var path = WriteTexts("a.parquet", "TEXT", "text");
        var manifest = CorpusManifest.Create([path]);
        Assert.Equal(["value of text"], CorpusCaptions.Read(manifest), StringComparer.Ordinal);
        Assert.Contains("text (not TEXT)", manifest.ColumnsTaken, StringComparison.Ordinal);
        Assert.Equal(["value of TEXT"], CorpusCaptions.Read(CorpusManifest.Create([path], captionColumn: "TEXT")), StringComparer.Ordinal);
        Assert.Contains(
            "Text",
            Assert.Throws<CorpusException>(() => CorpusManifest.Create([path], captionColumn: "Text")).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "cannot distinguish TEXT (VARCHAR), text (VARCHAR) from other columns",
            Assert
                .Throws<CorpusException>(() => CorpusSelector.Select(manifest, new SelectionOptions { Filter = "text = 'value of text'" }))
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Two_columns_of_one_name_are_refused_where_that_name_is_meant() =>
        Refused([WriteTexts("a.parquet", "text", "text")], "two columns named text");

    [Fact]
    public void A_choice_between_usual_names_is_told()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text, 'b' AS caption");
        Assert.Equal("image column image, caption column text (not caption)", CorpusManifest.Create([path]).ColumnsTaken);
        Assert.Null(CorpusManifest.Create([path], captionColumn: "caption").ColumnsTaken);
    }

    [Fact]
    public void A_real_column_file_row_number_does_not_move_rows()
    {
        var manifest = CorpusManifest.Create([
            TestCorpus.WriteSql(
                _folder,
                "a.parquet",
                "SELECT i::VARCHAR::BLOB AS image, 'c' || i AS caption, 23 - i AS file_row_number FROM range(24) t(i)"
            ),
        ]);
        var selected = CorpusSelector.Select(manifest, new SelectionOptions { Filter = "file_row_number < 3" });
        Assert.Equal(["c21", "c22", "c23"], CorpusCaptions.Read(selected), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("x[v1]y")]
    [InlineData("what?")]
    [InlineData("a*b")]
    [InlineData("43 [img2dataset]")]
    public void Folders_with_signs_of_patterns_are_read_to_the_letter(string name)
    {
        Directory.CreateDirectory(_folder.File(name));
        Directory.CreateDirectory(_folder.File("xvy"));
        TestCorpus.WriteSql(_folder, $"{name}/0.parquet", "SELECT 'x'::BLOB AS image, 'right' AS caption, 1 AS n");
        TestCorpus.WriteSql(_folder, "xvy/0.parquet", "SELECT 'x'::BLOB AS image, 'wrong' AS caption, 1 AS n");
        foreach (var entry in (string[])[_folder.File(name), _folder.File($"{name}/*.parquet"), _folder.File($"{name}/0.parquet")])
        {
            Assert.Equal(
                ["right"],
                CorpusCaptions.Read(CorpusSelector.Select(CorpusManifest.Create([entry]), new SelectionOptions { Filter = "n = 1" })),
                StringComparer.Ordinal
            );
        }
    }

    [Fact]
    public void A_field_of_a_struct_may_be_the_caption()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS jpg, {'caption': 'nested', 'n': 1} AS json");
        Assert.Equal(["nested"], CorpusCaptions.Read(CorpusManifest.Create([path], captionColumn: "json.caption")), StringComparer.Ordinal);
        Refused([path], "json.caption");
    }

    [Theory]
    [InlineData("s3://bucket/a.parquet", "aws s3 sync")]
    [InlineData("gs://bucket/*.parquet", "gcsfuse")]
    [InlineData("hf://datasets/a/b", "hf download")]
    [InlineData("https://x.org/a.parquet", "curl")]
    public void Addresses_are_refused_with_the_way(string address, string way) =>
        Refused([address], address, "only local files are read", way);

    [Fact]
    public void Tars_and_tables_beside_tars_are_pointed_to_the_import()
    {
        TarFile.Write(_folder.File("00000.tar"), TarFile.Samples(0, 3));
        Refused([_folder.File("00000.tar")], "data import tar");
        Refused([_folder.Path], "data import tar");
        Refused(
            [TestCorpus.WriteSql(_folder, "00000.parquet", "SELECT 'http://x' AS url, 'a' AS caption, 'success' AS status")],
            "the images are in the tar beside it",
            "data import tar"
        );
    }

    [Fact]
    public void The_names_of_classes_come_from_the_metadata()
    {
        const string features = """{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}""";
        var path = _folder.File("a.parquet");
        using (
            var writer = new ParquetFileWriter(
                path,
                [new("image", IsText: false), new("label", IsText: true)],
                KeyValuePair.Create("huggingface", features)
            )
        )
        {
            writer.Add(0, [1]);
            writer.AddText(1, "1");
            writer.EndRow();
            writer.Complete();
        }

        var manifest = CorpusManifest.Create([path], captionRequired: false);
        Assert.Equal(["cat", "dog"], manifest.ClassNames("label"), StringComparer.Ordinal);
        Assert.Empty(manifest.ClassNames("image"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_encrypted_file_is_said_to_be_encrypted(bool plainFooter)
    {
        var path = _folder.File("a.parquet");
        using (var builder = new ParquetSharp.FileEncryptionPropertiesBuilder([.. "0123456789012345"u8]))
        {
            if (plainFooter)
            {
                builder.SetPlaintextFooter();
            }

            using var encryption = builder.Build();
            using var propertiesBuilder = new ParquetSharp.WriterPropertiesBuilder().Encryption(encryption);
            using var properties = propertiesBuilder.Build();
            using var writer = new ParquetSharp.ParquetFileWriter(
                path,
                [new ParquetSharp.Column<byte[]>("image"), new ParquetSharp.Column<string>("caption")],
                properties
            );
            using (var group = writer.AppendRowGroup())
            {
                using (var images = group.NextColumn().LogicalWriter<byte[]>())
                {
                    images.WriteBatch([
                        [1],
                    ]);
                }

                using var captions = group.NextColumn().LogicalWriter<string>();
                captions.WriteBatch(["a"]);
            }

            writer.Close();
        }

        Assert.Contains(
            "encrypted",
            Assert.Throws<CorpusException>(() => CorpusCaptions.Read(CorpusManifest.Create([path])).ToList()).Message,
            StringComparison.Ordinal
        );
    }

    private void Refused(IReadOnlyList<string> paths, params string[] parts)
    {
        var message = Assert.Throws<CorpusException>(() => CorpusManifest.Create(paths)).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    /// <summary>A file of one row, of which one column has the null type, as Arrow writes a column of None.</summary>
    private string WriteNull(string name, string nullColumn)
    {
        using var text = ParquetSharp.LogicalType.String();
        using var none = ParquetSharp.LogicalType.None();
        using var nil = ParquetSharp.LogicalType.Null();
        var path = _folder.File(name);
        ParquetSharp.Schema.PrimitiveNode Node(string column, ParquetSharp.LogicalType type) =>
            column == nullColumn
                ? new(column, ParquetSharp.Repetition.Optional, nil, ParquetSharp.PhysicalType.Int32)
                : new(column, ParquetSharp.Repetition.Optional, type, ParquetSharp.PhysicalType.ByteArray);
        using var schema = new ParquetSharp.Schema.GroupNode(
            "schema",
            ParquetSharp.Repetition.Required,
            [Node("image", none), Node("caption", text)]
        );
        using var builder = new ParquetSharp.WriterPropertiesBuilder();
        using var properties = builder.Build();
        using var writer = new ParquetSharp.ParquetFileWriter(path, schema, properties, keyValueMetadata: null);
        using (var group = writer.AppendRowGroup())
        {
            foreach (var column in (string[])["image", "caption"])
            {
                using var values = group.NextColumn();
                if (values is ParquetSharp.ColumnWriter<int> nulls)
                {
                    nulls.WriteBatch(1, [0], [0], []);
                }
                else
                {
                    WriteOne((ParquetSharp.ColumnWriter<ParquetSharp.ByteArray>)values, "a");
                }
            }
        }

        writer.Close();
        return path;
    }

    private static unsafe void WriteOne(ParquetSharp.ColumnWriter<ParquetSharp.ByteArray> column, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* start = bytes)
        {
            column.WriteBatch(1, [1], [0], [new ParquetSharp.ByteArray((nint)start, bytes.Length)]);
        }
    }

    private string WriteTexts(string name, params string[] columns)
    {
        var path = _folder.File(name);
        using var writer = new ParquetFileWriter(
            path,
            [new("image", IsText: false), .. columns.Select(column => new OutputColumn(column, IsText: true))]
        );
        writer.Add(0, [1]);
        for (var i = 0; i < columns.Length; i++)
        {
            writer.AddText(i + 1, $"value of {columns[i]}");
        }

        writer.EndRow();
        writer.Complete();
        return path;
    }
}
