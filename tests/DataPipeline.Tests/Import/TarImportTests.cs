using System.Formats.Tar;
using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class TarImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder.File("out");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TarEntryFormat.V7, "a.tar")]
    [InlineData(TarEntryFormat.Ustar, "a.tar")]
    [InlineData(TarEntryFormat.Gnu, "a.tar")]
    [InlineData(TarEntryFormat.Pax, "a.tar")]
    [InlineData(TarEntryFormat.Pax, "a.tar.gz")]
    public void Shards_of_every_format_give_images_captions_and_metadata(TarEntryFormat format, string name)
    {
        TarFile.Write(_folder.File(name), TarFile.Samples(0, 7), format);

        var state = Imported.Run(new TarSource([_folder.File(name)]), Output);

        Assert.Equal((7L, 0L), (state.Tally.Rows, state.Tally.Failures()));
        Assert.Equal(
            Enumerable
                .Range(0, 7)
                .Select(i =>
                    new[]
                    {
                        Convert.ToHexString(Pictures.Jpeg(i)),
                        $"{i:D6}.jpg",
                        $"caption of {i} été",
                        $"http://x/{i}",
                        $"{i}",
                        null,
                        """{"a": [1, "b"]}""",
                    }
                ),
            Imported.Rows(Output, "hex(image.bytes)", "image.path", "caption", "url", "width", "nothing", "exif")
        );
        using var reader = new CorpusReader(CorpusManifest.Create([Output]));
        Assert.Equal("caption of 3 été", reader.ReadRows(3, 1).Single().Caption);
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar, 150)]
    [InlineData(TarEntryFormat.Gnu, 180)]
    [InlineData(TarEntryFormat.Gnu, 700)]
    [InlineData(TarEntryFormat.Pax, 700)]
    public void Long_names_are_read_whole(TarEntryFormat format, int length)
    {
        var folder = string.Concat(Enumerable.Range(0, length / 10).Select(i => $"folder{i:D3}/"));
        TarFile.Write(_folder.File("a.tar"), TarFile.Samples(0, 2, folder), format);

        Imported.Run(new TarSource([_folder.File("a.tar")]), Output);

        Assert.Equal([$"{folder}000000.jpg", $"{folder}000001.jpg"], Imported.Column(Output, "image.path"));
    }

    [Fact]
    public void Keys_end_at_the_first_dot_of_the_base_name_and_what_webdataset_passes_over_is_passed_over()
    {
        TarFile.Write(
            _folder.File("a.tar"),
            [
                ("__meta__.json", "{}"u8.ToArray()),
                ("./v1.0/0001.JPG", Pictures.Jpeg(1)),
                ("./v1.0/0001.alt.txt", "other words"u8.ToArray()),
                ("./v1.0/0001.txt", "words\n"u8.ToArray()),
                ("./v1.0/0001.seg.npy", [1, 2, 3]),
                ("./v1.0/README", [1]),
                ("./v1.0/.hidden", [1]),
                ("./v1.0/0002.png", Pictures.Jpeg(2)),
                ("./v1.0/0002.txt", "two"u8.ToArray()),
                ("./v1.0/0002.cls", "17"u8.ToArray()),
            ]
        );

        var state = Imported.Run(new TarSource([_folder.File("a.tar")]), Output);

        Assert.Equal(0, state.Tally.Failures());
        Assert.Equal(
            [
                ["v1.0/0001.jpg", "words", "other words", null],
                ["v1.0/0002.png", "two", null, "17"],
            ],
            Imported.Rows(Output, "image.path", "caption", "\"alt.txt\"", "label")
        );
    }

    [Theory]
    [InlineData(null, "from txt", "from json")]
    [InlineData("caption", "from json", null)]
    [InlineData("re", "recaptioned", "from json")]
    [InlineData("alt.txt", "alternative", "from json")]
    public void The_caption_is_where_it_is_said_to_be(string? caption, string expected, string? kept)
    {
        TarFile.Write(
            _folder.File("a.tar"),
            [
                ("1.jpg", Pictures.Jpeg(1)),
                ("1.txt", "from txt"u8.ToArray()),
                ("1.alt.txt", "alternative"u8.ToArray()),
                ("1.json", """{"caption": "from json", "re": "recaptioned"}"""u8.ToArray()),
            ]
        );

        Imported.Run(new TarSource([_folder.File("a.tar")], caption), Output);

        Assert.Equal([expected], Imported.Column(Output, "caption"));
        Assert.Equal(kept is not null, CorpusManifest.Create([Output]).Columns.Any(c => c.Name == "source_caption"));
        if (kept is not null)
        {
            Assert.Equal([kept], Imported.Column(Output, "source_caption"));
        }
    }

    [Fact]
    public void Samples_that_cannot_be_used_are_counted_and_named_and_the_others_kept()
    {
        var jpeg = Pictures.Jpeg(5);
        TarFile.Write(
            _folder.File("a.tar"),
            [
                ("no-image.txt", "x"u8.ToArray()),
                ("no-caption.jpg", jpeg),
                ("blank.jpg", jpeg),
                ("blank.txt", " \n"u8.ToArray()),
                ("cut.jpg", jpeg[..(jpeg.Length / 2)]),
                ("cut.txt", "x"u8.ToArray()),
                ("json.jpg", jpeg),
                ("json.json", "{\"caption\": \"\\ud800\"}"u8.ToArray()),
                ("list.jpg", jpeg),
                ("list.json", "[1]"u8.ToArray()),
                ("latin.jpg", jpeg),
                ("latin.txt", [0xE9, 0x74]),
                ("twice.jpg", jpeg),
                ("twice.jpg", jpeg),
                ("twice.txt", "x"u8.ToArray()),
                ("good.jpg", jpeg),
                ("good.txt", " \n"u8.ToArray()),
                ("good.json", """{"text": "good"}"""u8.ToArray()),
            ]
        );

        var state = Imported.Run(new TarSource([_folder.File("a.tar")]), Output);

        Assert.Equal(["good"], Imported.Column(Output, "caption"));
        Assert.Equal(
            [
                "no-image no image",
                "no-caption no caption",
                "blank no caption",
                "cut image cannot be decoded",
                "json JSON is damaged",
                "list JSON is damaged",
                "latin text is not UTF-8",
                "twice duplicate file",
            ],
            state.Tally.First.Select(f => $"{f.Place[(f.Place.LastIndexOf(':') + 1)..]} {f.Reason}"),
            StringComparer.Ordinal
        );
        Assert.All(state.Tally.First, f => Assert.StartsWith(_folder.File("a.tar") + ":", f.Place, StringComparison.Ordinal));
    }

    [Fact]
    public void Images_without_captions_are_taken_where_that_is_allowed()
    {
        TarFile.Write(_folder.File("a.tar"), [("1.jpg", Pictures.Jpeg(1)), ("1.cls", "3"u8.ToArray())]);

        Assert.Equal(1, Imported.Run(new TarSource([_folder.File("a.tar")]), Output, allowNoCaption: true).Tally.Rows);
        Assert.Equal(
            [
                [null, "3"],
            ],
            Imported.Rows(Output, "caption", "label")
        );
    }

    [Theory]
    [InlineData("a.tar")]
    [InlineData("a.tar.gz")]
    public void Of_a_truncated_shard_what_is_whole_is_kept_and_the_shard_is_named_wherever_it_ends(string name)
    {
        TarFile.Write(_folder.File(name), TarFile.Samples(0, 4));
        TarFile.Write(_folder.File("b.tar"), TarFile.Samples(9, 1));
        var bytes = File.ReadAllBytes(_folder.File(name));
        var isGzip = name.EndsWith("gz", StringComparison.Ordinal);
        // Ends of each sample's caption and of its last file: header and contents in blocks of 512 bytes.
        var ends = new List<(long Text, long Json)>();
        long end = 0;
        foreach (var sample in TarFile.Samples(0, 4).Chunk(3))
        {
            var sizes = sample.Select(f => 512L + ((f.Content.Length + 511) / 512 * 512)).ToArray();
            ends.Add((end + sizes[0] + 512 + sample[1].Content.Length, end += sizes.Sum()));
        }

        // A gzip file without its last bytes still has all of its contents.
        for (var length = 0; length < bytes.Length - (isGzip ? 64 : 1536); length += 211)
        {
            File.WriteAllBytes(_folder.File(name), bytes[..length]);

            var state = Imported.Run(new TarSource([_folder.File(name), _folder.File("b.tar")]), _folder.File($"out{length}"));

            Assert.Contains(state.Tally.First, f => f.Place == _folder.File(name));
            var captions = Imported.Column(_folder.File($"out{length}"), "caption");
            Assert.Equal("caption of 9 été", captions[^1]);
            Assert.Equal(
                Enumerable.Range(0, captions.Count - 1).Select(i => $"caption of {i} été"),
                captions.SkipLast(1),
                StringComparer.Ordinal
            );
            if (!isGzip)
            {
                Assert.InRange(captions.Count - 1, ends.Count(e => e.Json <= length), ends.Count(e => e.Text <= length));
            }
        }
    }

    [Fact]
    public void Mutated_shards_are_read_or_reported_but_never_break_the_import()
    {
        TarFile.Write(_folder.File("a.tar"), TarFile.Samples(0, 3), TarEntryFormat.Ustar);
        TarFile.Write(_folder.File("b.tar"), TarFile.Samples(0, 2, new string('n', 120) + "/"), TarEntryFormat.Pax);
        TarFile.Write(_folder.File("c.tar.gz"), TarFile.Samples(0, 2, new string('n', 120) + "/"), TarEntryFormat.Gnu);
        byte[][] originals = [.. new[] { "a.tar", "b.tar", "c.tar.gz" }.Select(f => File.ReadAllBytes(_folder.File(f)))];
        var (rows, failures) = (0L, 0L);
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            File.WriteAllBytes(_folder.File("m.tar"), Mutate(originals[seed % 3], random));
            using var check = new ImageCheck(ImageVerification.Header);
            foreach (var pending in new TarSource([_folder.File("m.tar")]).Read(0))
            {
                try
                {
                    check.Check(pending.Make().Image);
                    rows++;
                }
                catch (ImportRowException)
                {
                    failures++;
                }
            }

            if (seed % 10 == 0)
            {
                Assert.Equal(
                    Imported.Run(new TarSource([_folder.File("m.tar")]), _folder.File($"out{seed}")).Tally.Rows,
                    Imported.Column(_folder.File($"out{seed}"), "caption").Count
                );
            }
        }

        // Both must happen often; otherwise the mutations are too weak or too strong.
        Assert.InRange(rows, 100, 1400);
        Assert.InRange(failures, 100, 1400);
    }

    [Fact]
    public void A_header_that_claims_more_than_there_is_costs_no_memory()
    {
        TarFile.Write(_folder.File("a.tar"), [("1.txt", "x"u8.ToArray()), ("1.jpg", Pictures.Jpeg(1))]);
        var bytes = File.ReadAllBytes(_folder.File("a.tar"));
        var header = bytes.AsSpan(1024, 512);
        Encoding.ASCII.GetBytes("77777777777").CopyTo(header[124..]);
        header.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var b in header)
        {
            sum += b;
        }

        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header[148..]);
        File.WriteAllBytes(_folder.File("a.tar"), bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var rows = new TarSource([_folder.File("a.tar")]).Read(0).ToArray();

        Assert.Contains("truncated", Assert.Throws<ImportRowException>(() => rows[^1].Make()).Reason, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    [Fact]
    public void Missing_shards_and_folders_without_any_are_named()
    {
        Assert.Contains(
            _folder.File("gone.tar"),
            Assert.Throws<CorpusException>(() => new TarSource([_folder.File("gone.tar")])).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(".tar", Assert.Throws<CorpusException>(() => new TarSource([_folder.Path])).Message, StringComparison.Ordinal);
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            // Most of an archive is padding: zeroing a random byte would often change nothing.
            int at;
            do
            {
                at = random.Next(bytes.Length);
            } while (bytes[at] == 0 && random.Next(8) != 0);
            bytes[at] = (byte)random.Next(256);
        }

        return random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }
}
