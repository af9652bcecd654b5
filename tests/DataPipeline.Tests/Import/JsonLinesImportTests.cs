using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Json;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class JsonLinesImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Table => _folder.File("metadata.jsonl");

    private string Output => _folder.File("out");

    public JsonLinesImportTests()
    {
        for (var i = 1; i <= 3; i++)
        {
            File.WriteAllBytes(_folder.File($"{i}.jpg"), Pictures.Jpeg(i));
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_line_is_a_pair_with_its_other_fields()
    {
        // A byte order mark, Windows' line ends, a blank line, and a last line without an end.
        File.WriteAllText(
            Table,
            "\uFEFF{\"file_name\": \"1.jpg\", \"text\": \"one\", \"author\": \"x\"}\r\n\r\n"
                + """{"image": "2.jpg", "caption": "two", "n": 1.50}"""
                + "\n"
                + """{"text": "three", "path": "other", "file_name": "3.jpg"}"""
        );

        var state = Imported.Run(new JsonLinesSource([Table]), Output);

        Assert.Equal(0, state.Tally.Failures());
        Assert.Equal(
            [
                ["1.jpg", "one", "x", null],
                ["2.jpg", "two", null, "1.50"],
                ["3.jpg", "three", null, null],
            ],
            Imported.Rows(Output, "image.path", "caption", "author", "n")
        );
    }

    [Fact]
    public void A_list_of_captions_stays_a_list()
    {
        File.WriteAllText(Table, """{"file_name": "1.jpg", "captions": ["one", "uno"]}""" + "\n");
        Imported.Run(new JsonLinesSource([Table]), Output);
        Assert.Equal(["one|uno"], Imported.Column(Output, "array_to_string(caption, '|')"), StringComparer.Ordinal);
    }

    [Fact]
    public void Fields_and_the_folder_of_the_images_can_be_named()
    {
        File.WriteAllText(_folder.File("elsewhere.json"), """{"photo": "1.jpg", "image": "2.jpg", "alt": "one", "text": "two"}""");
        var root = _folder.Path;
        Imported.Run(new JsonLinesSource([_folder.File("elsewhere.json")], "photo", "alt", root), Output);
        Assert.Equal(
            [
                ["1.jpg", "one", "two"],
            ],
            Imported.Rows(Output, "image.path", "caption", "source_text")
        );
    }

    [Fact]
    public void Lines_that_are_no_pair_are_named_and_the_others_imported()
    {
        File.WriteAllBytes(
            Table,
            [
                .. """
                {"file_name": "1.jpg", "text": "one"}
                {"file_name": "1.jpg", "text": "cut
                [1, 2]
                {"text": "no image"}
                {"file_name": "https://example.com/a.jpg", "text": "a URL"}
                {"file_name": "gone.jpg", "text": "gone"}
                {"file_name": "2.jpg", "text": {"en": "two"}}

                """u8,
                .. "{\"file_name\": \"3.jpg\", \"text\": \"caf"u8,
                0xE9,
                .. "\"}\n"u8,
            ]
        );

        var state = Imported.Run(new JsonLinesSource([Table]), Output);

        Assert.Equal(["one"], Imported.Column(Output, "caption"), StringComparer.Ordinal);
        Assert.Equal(
            [
                ($"{Table}:2", "JSON is damaged"),
                ($"{Table}:3", "JSON is damaged"),
                ($"{Table}:4", "no image"),
                ($"{Table}:5", "image is a URL"),
                ($"{Table}:6", "file is missing"),
                ($"{Table}:7", "caption is not text"),
                ($"{Table}:8", "JSON is damaged"),
            ],
            state.Tally.First.Select(f => (f.Place, f.Reason))
        );
    }

    [Fact]
    public void A_line_without_end_is_an_error_that_names_it()
    {
        File.WriteAllText(Table, "\n" + new string('x', 5 << 20));
        var error = Assert.Throws<CorpusException>(() => Imported.Run(new JsonLinesSource([Table]), Output));
        Assert.StartsWith($"{Table}:2: a line has more than 4 MiB", error.Message, StringComparison.Ordinal);
    }
}
