using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class CorpusReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("encode('img' || i)", "'cap' || i")]
    [InlineData("struct_pack(bytes := encode('img' || i), path := 'p' || i)", "'cap' || i")]
    [InlineData("struct_pack(path := 'p' || i, bytes := encode('img' || i))", "'cap' || i")]
    [InlineData("struct_pack(meta := struct_pack(bytes := 'no', x := 1), bytes := encode('img' || i))", "['cap' || i, 'second']")]
    public void Reads_each_layout_of_images_and_captions(string image, string caption)
    {
        _folder.Copy("a.parquet", $"select {image} as image, {caption} as caption, i as id from range(5000) t(i)", ", row_group_size 2048");
        var manifest = CorpusManifest.Create([_folder.Path], null, null);
        Assert.Equal(("image", "caption"), (manifest.ImageColumn, manifest.CaptionColumn));
        Assert.Equal([2048, 2048, 904], manifest.RowGroupRows);
        Assert.Equal(5000, manifest.SampleCount);
        using var reader = new CorpusReader(manifest);
        foreach (var group in (int[])[2, 0, 1])
        {
            using var data = reader.Read(group);
            Assert.Equal(manifest.RowGroupRows[group], data.Count);
            Assert.Equal(2048L * group, data.FirstIndex);
            for (var i = 0; i < data.Count; i++)
            {
                Assert.Equal($"img{data.FirstIndex + i}", Encoding.UTF8.GetString(data.Image(i)));
                Assert.Equal($"cap{data.FirstIndex + i}", data.Caption(i));
            }
        }

        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"cap{i}").ToArray(), CorpusCaptions.Read(manifest).ToArray());
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"{i}").ToArray(), reader.ReadColumn("ID").ToArray());
    }

    [Fact]
    public void Nulls_and_empty_lists_are_empty_images_and_null_captions()
    {
        _folder.Copy("a.parquet", """
            select * from (values
              (struct_pack(bytes := 'one'::blob, path := null::varchar), ['a']),
              (null, []),
              (struct_pack(bytes := null::blob, path := 'p'), null),
              (struct_pack(bytes := ''::blob, path := null), [null, 'b'])) t(image, text)
            """);
        var manifest = CorpusManifest.Create([_folder.Path], null, null);
        using var reader = new CorpusReader(manifest);
        using var data = reader.Read(0);
        Assert.Equal([3, 0, 0, 0], Enumerable.Range(0, 4).Select(i => data.Image(i).Length));
        Assert.Equal(new string?[] { "a", null, null, null }, Enumerable.Range(0, 4).Select(data.Caption).ToArray());
        Assert.Equal(["a"], CorpusCaptions.Read(manifest).ToArray());
        Assert.Equal(4, data.ByteSize);
    }

    [Fact]
    public void Paths_with_quotes_and_glob_characters_name_one_file()
    {
        _folder.Copy("it's [1]*?/k=v/x[y].parquet", "select 'i'::blob as image, 'right' as text");
        _folder.Copy("it's 1ab/k=v/xy.parquet", "select 'i'::blob as image, 'wrong' as text");
        var file = _folder.File("it's [1]*?/k=v/x[y].parquet");
        var manifest = CorpusManifest.Create([file], null, null);
        Assert.Equal(["image", "text"], manifest.Columns.ToArray());
        Assert.Equal("right", Assert.Single(CorpusCaptions.Read(manifest)));
    }

    [Fact]
    public void A_long_caption_and_a_large_image_come_back_whole()
    {
        _folder.Copy("a.parquet", "select repeat('é', 5000) as text, repeat('x', 3000000)::blob as image from range(3)");
        using var reader = new CorpusReader(CorpusManifest.Create([_folder.Path], null, null));
        using var data = reader.Read(0);
        Assert.Equal(new string('é', 5000), data.Caption(2));
        Assert.Equal(3_000_000, data.Image(1).Length);
        Assert.Equal(-1, data.Image(2).IndexOfAnyExcept((byte)'x'));
        Assert.Equal(3 * 3_010_000, data.ByteSize);
    }

    [Fact]
    public void A_file_that_changed_or_went_after_the_manifest_is_refused()
    {
        var file = _folder.Copy("a.parquet", "select 'i'::blob as image, 'one' as text");
        var manifest = CorpusManifest.Create([file], null, null);
        _folder.Copy("a.parquet", "select 'i'::blob as image, 'two' as text");
        using (var reader = new CorpusReader(manifest))
        {
            Assert.Contains("changed", Assert.Throws<CorpusException>(() => reader.Read(0)).Message, StringComparison.Ordinal);
        }

        File.Delete(file);
        Assert.Contains(file, Assert.Throws<CorpusException>(() => CorpusCaptions.Read(manifest).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_inside_a_page_names_the_file()
    {
        var file = _folder.Copy("a.parquet", "select 'i'::blob as image, 'caption number ' || i as text from range(3000) t(i)", ", compression zstd");
        var bytes = File.ReadAllBytes(file);
        bytes.AsSpan(4, 400).Fill(0x5a);
        File.WriteAllBytes(file, bytes);
        var manifest = CorpusManifest.Create([file], null, null);
        using var reader = new CorpusReader(manifest);
        Assert.Contains(file, Assert.Throws<CorpusException>(() => reader.Read(0)).Message, StringComparison.Ordinal);
    }
}
