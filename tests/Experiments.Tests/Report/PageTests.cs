using ClipTrain.Experiments.Report;

namespace ClipTrain.Experiments.Tests.Report;

public sealed class PageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-page-").FullName;

    [Fact]
    public void Text_of_tables_that_a_page_cannot_hold_is_replaced()
    {
        var path = Path.Combine(_folder, "page.html");

        Page.Write(
            path,
            "a\u0001b",
            "c\uD800d",
            Page.Card(
                "e\u001Bf",
                "note",
                Page.Table(
                    ["g\u0000h"],
                    [
                        ["<i>"],
                    ]
                )
            )
        );

        var page = File.ReadAllText(path);
        Assert.All(
            new[] { "a\uFFFDb", "c\uFFFDd", "e\uFFFDf", "g\uFFFDh", "&lt;i&gt;" },
            text => Assert.Contains(text, page, StringComparison.Ordinal)
        );
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
