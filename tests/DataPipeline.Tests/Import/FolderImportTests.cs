using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class FolderImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Images => _folder.File("images");

    private string Output => _folder.File("out");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Captions_are_found_beside_images_in_folders_below_too_in_an_order_of_names()
    {
        Put("b/2.jpg", "b/2.txt", "two");
        Put("b/1.PNG", "b/1.json", """{"text": "one", "author": "x", "n": 1.50}""");
        Put("a.1.jpg", "a.1.txt", "dots");
        Put("B/3.jpg", "B/3.json", """{"caption": "three", "text": "other"}""");
        Put("b/c/4.jpg", "b/c/4.txt", "four");
        Put(".hidden/5.jpg", ".hidden/5.txt", "hidden");
        File.WriteAllText(Path.Combine(Images, "notes.txt"), "no image of this name");

        var state = Imported.Run(new FolderSource([Images]), Output);

        Assert.Equal(0, state.Tally.Failures());
        Assert.Equal(
            [
                ["a.1.jpg", "dots", null, null],
                ["B/3.jpg", "three", null, null],
                ["b/1.PNG", "one", "x", "1.50"],
                ["b/2.jpg", "two", null, null],
                ["b/c/4.jpg", "four", null, null],
            ],
            Imported.Rows(Output, "image.path", "caption", "author", "n")
        );
        Assert.Equal([null, "other", null, null, null], Imported.Column(Output, "source_text"), StringComparer.Ordinal);
    }

    [Fact]
    public void Images_without_caption_and_links_to_nothing_are_named()
    {
        Put("1.jpg", "1.txt", "one");
        File.WriteAllBytes(Path.Combine(Images, "2.jpg"), Pictures.Jpeg(2));
        File.CreateSymbolicLink(Path.Combine(Images, "3.jpg"), "gone.jpg");

        var failures = Imported.Run(new FolderSource([Images]), Output).Tally.First;

        Assert.Equal(
            [(Path.Combine(Images, "2.jpg"), "no caption"), (Path.Combine(Images, "3.jpg"), "file is missing")],
            failures.Select(f => (f.Place, f.Reason))
        );
    }

    [Fact]
    public void A_link_back_to_a_folder_around_it_ends_there()
    {
        Put("inner/1.jpg", "inner/1.txt", "one");
        Directory.CreateSymbolicLink(Path.Combine(Images, "inner", "loop"), Images);
        Directory.CreateSymbolicLink(_folder.File("link"), Images);

        Imported.Run(new FolderSource([_folder.File("link")]), Output);

        Assert.Equal(["inner/1.jpg"], Imported.Column(Output, "image.path"), StringComparer.Ordinal);
    }

    [Fact]
    public void Fields_that_the_first_hundred_rows_lack_have_no_column_and_are_counted()
    {
        for (var i = 0; i < 105; i++)
        {
            Put(
                $"{i:D3}.jpg",
                $"{i:D3}.json",
                i < 100 ? $$"""{"caption": "{{i}}", "a": {{i}}}""" : $$"""{"caption": "{{i}}", "A": {{i}}, "late": 1}"""
            );
        }

        var state = Imported.Run(new FolderSource([Images]), Output);

        Assert.Equal([KeyValuePair.Create("late", 5L)], state.Tally.LeftOut);
        Assert.Equal(Enumerable.Range(0, 105).Select(i => $"{i}"), Imported.Column(Output, "a"), StringComparer.Ordinal);
    }

    [Fact]
    public void Classes_become_labels_and_captions()
    {
        Put("tabby_cat/1.jpg");
        Put("tabby_cat/more/2.jpg");
        Put("dog/1.jpg");
        Put("stray.jpg");

        var state = Imported.Run(new ClassSource(Images, "a photo of a {}, {}"), Output);

        Assert.Equal(
            [
                ["dog/1.jpg", "a photo of a dog, dog", "dog"],
                ["tabby_cat/1.jpg", "a photo of a tabby cat, tabby cat", "tabby cat"],
                ["tabby_cat/more/2.jpg", "a photo of a tabby cat, tabby cat", "tabby cat"],
            ],
            Imported.Rows(Output, "image.path", "caption", "label")
        );
        Assert.Equal("image is not in a class folder", Assert.Single(state.Tally.First).Reason);
        using var reader = new CorpusReader(CorpusManifest.Create([Output]), "label");
        Assert.Equal("dog", reader.ReadRows(0, 1).Single().Label);
    }

    [Fact]
    public void Folders_that_hold_nothing_are_named()
    {
        Directory.CreateDirectory(Images);
        Assert.Contains(
            "no image file",
            Assert.Throws<CorpusException>(() => new FolderSource([Images])).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "does not exist",
            Assert.Throws<CorpusException>(() => new ClassSource(_folder.File("gone"), "{}")).Message,
            StringComparison.Ordinal
        );
    }

    private void Put(string image, string? beside = null, string? text = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Images, image))!);
        File.WriteAllBytes(Path.Combine(Images, image), Pictures.Jpeg(image.Length));
        if (beside is not null)
        {
            File.WriteAllText(Path.Combine(Images, beside), text);
        }
    }
}
