using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>Every layout of the image column combined with every layout of the captions.</summary>
public sealed class CaptionColumnTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, string[], string, string[][]> Layouts
    {
        get
        {
            var layouts = new TheoryData<string, string, string[], string, string[][]>();
            foreach (
                var image in new[]
                {
                    "{'bytes': 'x'::BLOB, 'path': 'p'} AS image",
                    "{'path': 'p', 'bytes': 'x'::BLOB} AS image",
                    "{'path': NULL::VARCHAR, 'bytes': 'x'::BLOB} AS img",
                    "'x'::BLOB AS jpg",
                    "'x'::BLOB AS png",
                    "'x'::BLOB AS webp",
                    "{'bytes': 'x'::BLOB} AS jpg",
                }
            )
            {
                layouts.Add(
                    image,
                    "'a' AS text",
                    [],
                    "a",
                    [
                        ["a"],
                    ]
                );
                layouts.Add(
                    image,
                    "['a', 'b'] AS captions",
                    [],
                    "a",
                    [
                        ["a", "b"],
                    ]
                );
                layouts.Add(
                    image,
                    "[NULL, ' ', 'b', 'c'] AS text",
                    [],
                    "b",
                    [
                        [" ", "b", "c"],
                    ]
                );
                layouts.Add(
                    image,
                    "'a' AS text, 'b' AS recap",
                    ["recap", "text"],
                    "b",
                    [
                        ["b"],
                        ["a"],
                    ]
                );
                layouts.Add(
                    image,
                    "'a' AS text, '  ' AS recap",
                    ["recap", "text"],
                    "a",
                    [
                        ["  "],
                        ["a"],
                    ]
                );
                layouts.Add(
                    image,
                    "'a' AS text, NULL::VARCHAR AS recap, ['', 'd'] AS more",
                    ["recap", "more", "text"],
                    "d",
                    [
                        [],
                        ["", "d"],
                        ["a"],
                    ]
                );
                layouts.Add(
                    image,
                    "'a' AS text, NULL::VARCHAR[] AS more",
                    ["MORE", "text"],
                    "a",
                    [
                        [],
                        ["a"],
                    ]
                );
            }

            return layouts;
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void The_first_caption_by_priority_and_all_of_them_are_found(
        string image,
        string captions,
        string[] columns,
        string first,
        string[][] all
    )
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", $"SELECT {image}, {captions}");
        var manifest = CorpusManifest.Create([path], new CorpusColumns { Captions = columns, EveryCaption = true });

        using var reader = new CorpusReader(manifest);
        using var rows = reader.Read(0);
        Assert.Equal("x"u8, rows.Image(0));
        Assert.Equal(first, rows.Caption(0));
        Assert.Equal(all, rows.CaptionChoices(0));
        Assert.Equal([first], CorpusCaptions.Read(manifest), StringComparer.Ordinal);
    }

    [Fact]
    public void The_hash_depends_on_the_caption_columns_and_their_order_and_on_whether_all_are_read()
    {
        var path = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text, 'b' AS recap");
        CorpusColumns[] columns =
        [
            new(),
            new() { Captions = ["recap"] },
            new() { Captions = ["recap", "text"] },
            new() { Captions = ["text", "recap"] },
            new() { Captions = ["text", "recap"], EveryCaption = true },
            new() { EveryCaption = true },
        ];

        Assert.Equal(columns.Length, columns.Select(c => CorpusManifest.Create([path], c).Hash).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(CorpusManifest.Create([path]).Hash, CorpusManifest.Create([path], new CorpusColumns { Captions = ["TEXT"] }).Hash);
    }

    [Fact]
    public void A_caption_column_that_one_file_lacks_is_told_with_both_files()
    {
        var a = TestCorpus.WriteSql(_folder, "a.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text, 'b' AS recap");
        var b = TestCorpus.WriteSql(_folder, "b.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text");

        var message = Assert
            .Throws<CorpusException>(() => CorpusManifest.Create([a, b], new CorpusColumns { Captions = ["recap", "text"] }))
            .Message;

        Assert.All([a, b, "recap"], part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Contains(
            "no column alt (data.caption_column)",
            Assert.Throws<CorpusException>(() => CorpusManifest.Create([a], new CorpusColumns { Captions = ["text", "alt"] })).Message,
            StringComparison.Ordinal
        );
    }
}
