using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Csv;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class CsvImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CsvImportTests()
    {
        Directory.CreateDirectory(_folder.File("images"));
        for (var i = 0; i < 3; i++)
        {
            File.WriteAllBytes(_folder.File($"images/{i}.jpg"), Pictures.Jpeg(i));
        }
    }

    private string Output => _folder.File("out");

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, bool> Files()
    {
        var data = new TheoryData<string, string, bool>();
        foreach (var delimiter in (string[])[",", "\t", ";", "|"])
        {
            foreach (var newline in (string[])["\n", "\r\n"])
            {
                foreach (var mark in (bool[])[false, true])
                {
                    data.Add(delimiter, newline, mark);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Quotes_line_breaks_and_delimiters_in_fields_survive(string delimiter, string newline, bool mark)
    {
        string[] captions = [$"a {delimiter} \"quoted\"{newline}word", "plain", "é \" in the middle"];
        string Quoted(string text) => '"' + text.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';
        string[] lines =
        [
            string.Join(delimiter, "Caption", "note", "filepath"),
            string.Join(delimiter, Quoted(captions[0]), "", "images/0.jpg"),
            "",
            string.Join(delimiter, captions[1], Quoted(""), Quoted("images/1.jpg")),
            string.Join(delimiter, captions[2], "n", " images/2.jpg"),
        ];
        var path = _folder.File(delimiter == "\t" ? "a.tsv" : "a.csv");
        File.WriteAllText(path, string.Join(newline, lines), new UTF8Encoding(mark));

        var state = Imported.Run(
            new CsvSource([path], new CsvOptions { Delimiter = delimiter is "," or "\t" ? null : delimiter[0] }),
            Output
        );

        Assert.Equal(0, state.Tally.Failures());
        Assert.Equal(
            captions.Select((c, i) => new[] { Convert.ToHexString(Pictures.Jpeg(i)), $"images/{i}.jpg", c, i == 2 ? "n" : null }),
            Imported.Rows(Output, "hex(image.bytes)", "image.path", "caption", "note")
        );
    }

    [Theory]
    [InlineData("file,words\nimages/0.jpg,zero\n", "words", null, true, new[] { "zero" })]
    [InlineData("x,file,words\n1,images/0.jpg,zero\n", "3", "2", true, new[] { "zero" })]
    [InlineData("images/0.jpg,zero\nimages/1.jpg,one", null, null, false, new[] { "zero", "one" })]
    [InlineData("k,zero,images/0.jpg\nk,one,images/1.jpg\n", "2", "3", false, new[] { "zero", "one" })]
    public void Columns_are_found_by_name_or_number(string text, string? caption, string? image, bool header, string[] expected)
    {
        File.WriteAllText(_folder.File("a.csv"), text);

        Imported.Run(
            new CsvSource(
                [_folder.File("a.csv")],
                new CsvOptions
                {
                    CaptionColumn = caption,
                    ImageColumn = image,
                    Header = header,
                }
            ),
            Output
        );

        Assert.Equal(expected, Imported.Column(Output, "caption"), StringComparer.Ordinal);
    }

    [Fact]
    public void Several_files_keep_their_order_and_all_their_columns()
    {
        File.WriteAllText(_folder.File("b.csv"), "image,caption,source\nimages/0.jpg,b0,s\nimages/1.jpg,b1,\n");
        File.WriteAllText(_folder.File("a.csv"), "text,image,caption,Source\nkept,images/2.jpg,a2,t\n");

        Imported.Run(new CsvSource([_folder.File("b.csv"), _folder.File("a.csv")], new CsvOptions()), Output);

        Assert.Equal(
            [
                ["b0", "s", null],
                ["b1", null, null],
                ["a2", "t", "kept"],
            ],
            Imported.Rows(Output, "caption", "source", "source_text")
        );
        Assert.Equal("caption", CorpusManifest.Create([Output]).Caption!.Name);
    }

    [Fact]
    public void Paths_are_relative_to_the_file_or_to_the_root_or_absolute()
    {
        File.WriteAllText(_folder.File("images/a.csv"), $"image,caption\n0.jpg,beside\n{_folder.File("images/1.jpg")},absolute\n");
        File.WriteAllText(_folder.File("b.csv"), "image,caption\n2.jpg,rooted\n");

        Imported.Run(new CsvSource([_folder.File("images/a.csv")], new CsvOptions()), Output);
        Imported.Run(new CsvSource([_folder.File("b.csv")], new CsvOptions { Root = _folder.File("images") }), _folder.File("rooted"));

        Assert.Equal(["beside", "absolute"], Imported.Column(Output, "caption"));
        Assert.Equal(["rooted"], Imported.Column(_folder.File("rooted"), "caption"));
    }

    [Fact]
    public void Rows_that_cannot_be_used_are_named_by_file_and_line()
    {
        File.WriteAllBytes(_folder.File("images/empty.jpg"), []);
        File.WriteAllText(_folder.File("images/text.jpg"), "this is no image");
        File.WriteAllText(
            _folder.File("a.csv"),
            """
            image,caption
            images/0.jpg,"a caption
            of two lines"
            images/gone.jpg,x
            images/1.jpg
            images/1.jpg,x,y
            images/empty.jpg,x
            images/text.jpg,x
            http://x/1.jpg,x
            ,x
            images/1.jpg,
            images/2.jpg,good
            """.ReplaceLineEndings("\n")
        );

        var state = Imported.Run(new CsvSource([_folder.File("a.csv")], new CsvOptions()), Output);

        Assert.Equal(2, state.Tally.Rows);
        Assert.Equal(
            [
                (4, "file is missing"),
                (5, "wrong number of fields"),
                (6, "wrong number of fields"),
                (7, "file is empty"),
                (8, "image cannot be decoded"),
                (9, "image is a URL"),
                (10, "no image"),
                (11, "no caption"),
            ],
            state.Tally.First.Select(f => (int.Parse(f.Place[(_folder.File("a.csv").Length + 1)..]), f.Reason))
        );
    }

    [Theory]
    [InlineData("image,caption\nimages/0.jpg,\"open\nimages/1.jpg,x\n", ":2:", "never closed", "--no-quotes")]
    [InlineData("image,caption\nimages/0.jpg,a\nimages/1.jpg,\"b\"c\n", ":3:", "followed by text")]
    [InlineData("image,words\nimages/0.jpg,a\n", ":1:", "no caption column", "image, words", "--caption-column")]
    [InlineData("image\tcaption\nimages/0.jpg\ta\n", ":1:", "no image column", "--delimiter")]
    [InlineData("image,caption,IMAGE\n", ":1:", "two columns named image", "--no-header")]
    [InlineData("", "is empty")]
    [InlineData("\n\n", "is empty")]
    public void Bad_files_are_one_error_that_names_file_and_line(string text, params string[] parts)
    {
        File.WriteAllText(_folder.File("a.csv"), text);

        var message = Assert
            .Throws<CorpusException>(() => Imported.Run(new CsvSource([_folder.File("a.csv")], new CsvOptions()), Output))
            .Message;

        Assert.StartsWith(_folder.File("a.csv"), message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Fact]
    public void Text_that_is_not_utf8_is_one_row_that_is_left_out()
    {
        File.WriteAllBytes(_folder.File("a.csv"), [.. "image,caption\nimages/0.jpg,caf"u8, 0xE9, .. "\nimages/1.jpg,café\n"u8]);

        var state = Imported.Run(new CsvSource([_folder.File("a.csv")], new CsvOptions()), Output);

        Assert.Equal(["café"], Imported.Column(Output, "caption"), StringComparer.Ordinal);
        var failure = Assert.Single(state.Tally.First);
        Assert.Equal(($"{_folder.File("a.csv")}:2", "text is not UTF-8"), (failure.Place, failure.Reason));
    }

    [Fact]
    public void Text_with_a_mark_of_UTF16_is_read()
    {
        File.WriteAllText(_folder.File("a.csv"), "image,caption\nimages/0.jpg,café\n", Encoding.Unicode);

        Imported.Run(new CsvSource([_folder.File("a.csv")], new CsvOptions()), Output);

        Assert.Equal(["café"], Imported.Column(Output, "caption"), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData('"')]
    [InlineData('、')]
    public void A_delimiter_that_cannot_be_one_is_an_error(char delimiter)
    {
        File.WriteAllText(_folder.File("a.csv"), "image,caption\n");
        Assert.Contains(
            "--delimiter",
            Assert.Throws<CorpusException>(() => new CsvSource([_folder.File("a.csv")], new CsvOptions { Delimiter = delimiter })).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Quotes_have_no_meaning_where_that_is_said()
    {
        File.WriteAllText(_folder.File("a.tsv"), "image\tcaption\nimages/0.jpg\t\"open\nimages/1.jpg\tone\n");

        Imported.Run(new CsvSource([_folder.File("a.tsv")], new CsvOptions { Quotes = false }), Output);

        Assert.Equal(["\"open", "one"], Imported.Column(Output, "caption"));
    }

    [Fact]
    public void What_a_writer_of_rfc_4180_writes_is_read_back_for_any_fields()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            const string alphabet = "ab,\"\n\r\t é";
            string[][] records =
            [
                .. Enumerable
                    .Range(0, random.Next(1, 6))
                    .Select(_ => Enumerable.Range(0, 3).Select(_ => new string(random.GetItems<char>(alphabet, random.Next(6)))).ToArray()),
            ];
            var text = string.Concat(
                records.Select(r =>
                    string.Join(',', r.Select(f => '"' + f.Replace("\"", "\"\"", StringComparison.Ordinal) + '"'))
                    + (seed % 2 == 0 ? "\n" : "\r\n")
                )
            );
            using var reader = new CsvRecords(new MemoryStream(Encoding.UTF8.GetBytes(text)), ',', quotes: true, "memory");

            foreach (var record in records)
            {
                Assert.Equal(record, reader.Next());
            }

            Assert.Null(reader.Next());
        }
    }
}
