using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using ClipTrain.EndToEnd.Tests;

namespace ClipTrain.Attacks;

/// <summary>A hostile file or option.</summary>
/// <param name="Name">Name of the attack.</param>
/// <param name="Says">Text that the program must print.</param>
/// <param name="Arguments">Command line.</param>
internal sealed record HostileFile(string Name, string Says, params string[] Arguments);

/// <summary>Creates hostile files of every kind that the program reads, in a folder with a corpus and a run file.</summary>
internal sealed class HostileFiles(TinyCorpus corpus)
{
    private const int Megabyte = 1 << 20;

    public IEnumerable<HostileFile> All() =>
        [.. Weights(), .. Tokenizers(), .. Yaml(), .. Images(), .. Parquets(), .. Tars(), .. Filters()];

    private IEnumerable<HostileFile> Weights()
    {
        byte[] list =
        [
            0x80,
            2,
            (byte)']',
            (byte)'q',
            0,
            (byte)'(',
            .. Repeat(200, (byte)'K', 1, (byte)'K', 2, 0x86),
            (byte)'e',
            .. "ccollections\nOrderedDict\n"u8,
            (byte)'q',
            1,
            (byte)'0',
        ];
        yield return Weight(
            "pickle-copies.pt",
            Archive([.. list, .. Repeat(20_000, (byte)'h', 1, (byte)'h', 0, 0x85, (byte)'R'), (byte)'.'], compressed: false)
        );
        yield return Weight(
            "pickle-code.pt",
            Archive([0x80, 2, .. "cposix\nsystem\n"u8, (byte)'X', 1, 0, 0, 0, (byte)'1', 0x85, (byte)'R', (byte)'.'], compressed: false)
        );
        yield return Weight("pickle-length.pt", Archive([0x80, 2, (byte)'X', 0xF0, 0xFF, 0xFF, 0xFF, (byte)'.'], compressed: false));
        yield return Weight(
            "pickle-deep.pt",
            Archive([0x80, 2, .. Repeat(Megabyte, (byte)'('), .. Repeat(Megabyte, (byte)'t'), (byte)'.'], compressed: false)
        );
        yield return Weight("pickle-bomb.pt", Archive(new byte[1 << 30], compressed: true));
        yield return Weight("bare.pkl", [0x80, 2, (byte)'}', (byte)'.']);
        yield return Weight("header-length.safetensors", [.. BitConverter.GetBytes(long.MaxValue), (byte)'{']);
        yield return Weight("header-deep.safetensors", Safetensors(new string('{', 100_000)));
        yield return Weight(
            "header-many.safetensors",
            Safetensors(
                "{"
                    + string.Join(
                        ',',
                        Enumerable.Range(0, 500_000).Select(i => $"\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}")
                    )
                    + "}"
            )
        );
        yield return Weight(
            "shape.safetensors",
            Safetensors("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""")
        );
        yield return Weight("index.json", Encoding.UTF8.GetBytes("""{"weight_map":{"a":"index.json"}}"""));
        yield return Weight("outside.json", Encoding.UTF8.GetBytes("""{"weight_map":{"a":"../../../etc/passwd"}}"""));
        yield return new HostileFile(
            "weights from a device",
            "/dev/zero",
            "export",
            "/dev/zero",
            "--model",
            "ViT-B-32",
            "--format",
            "open-clip",
            "-o",
            "out"
        );
    }

    private IEnumerable<HostileFile> Tokenizers()
    {
        yield return Tokenizer("bomb.txt.gz", Gzip(stream => Fill(stream, 7L << 30)));
        yield return Tokenizer("long-line.txt", Encoding.UTF8.GetBytes("#version: 0.2\n" + new string('a', 60 * Megabyte)));
        yield return Tokenizer("deep.json", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))));
        yield return Tokenizer(
            "wide.json",
            Encoding.UTF8.GetBytes(
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{"
                    + string.Join(',', Enumerable.Range(0, 1_000_000).Select(i => $"\"w{i}\":{i}"))
                    + "},\"merges\":[]}}"
            )
        );
        yield return Tokenizer("binary.txt", [.. Enumerable.Range(0, Megabyte).Select(i => (byte)(i * 31))]);
        yield return new HostileFile("tokenizer from a device", "/dev/zero", "tokenizer", "show", "a cat", "--merges", "/dev/zero");
    }

    private IEnumerable<HostileFile> Yaml()
    {
        var laughs = string.Join(
            '\n',
            Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 9))}]")
        );
        yield return Run("laughs.yaml", Encoding.UTF8.GetBytes("a0: &a0 lol\n" + laughs));
        yield return Run("deep.yaml", Encoding.UTF8.GetBytes(new string('[', 200_000)));
        yield return Run("keys.yaml", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 200_000).Select(i => $"k{i}: 1\n"))));
        yield return Run("large.yaml", Encoding.UTF8.GetBytes("name: " + new string('x', 300 * Megabyte)));
        yield return Run("tag.yaml", "name: !!python/object/apply:os.system [id]\n"u8.ToArray());
        yield return new HostileFile("run file from a device", "/dev/zero", "train", "/dev/zero");
    }

    private IEnumerable<HostileFile> Images()
    {
        var svg = new StringBuilder(
            "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><defs><g id='a0'><rect width='1' height='1'/></g>"
        );
        for (var level = 1; level <= 12; level++)
        {
            svg.Append($"<g id='a{level}'>").Insert(svg.Length, $"<use href='#a{level - 1}'/>", 10).Append("</g>");
        }

        yield return Image("svg", Encoding.UTF8.GetBytes(svg.Append("</defs><use href='#a12'/></svg>").ToString()));
        yield return Image("png-claims", Png(int.MaxValue, int.MaxValue, []));
        yield return Image("png-zeros", Png(9_500, 9_500, Deflate(stream => Fill(stream, 9_500L * 28_501))));
        yield return Image(
            "gif-claims",
            [.. "GIF89a"u8, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, (byte)',', 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 1, 0, 0]
        );
        yield return Image(
            "bmp-claims",
            [
                .. "BM"u8,
                .. new byte[8],
                54,
                0,
                0,
                0,
                40,
                0,
                0,
                0,
                .. BitConverter.GetBytes(30_000),
                .. BitConverter.GetBytes(30_000),
                1,
                0,
                24,
                0,
                .. new byte[24],
            ]
        );
        yield return Image("pnm-claims", "P6 100000 100000 255\n"u8.ToArray());
        yield return Image("jpeg-scans", Scans(TinyCorpus.Picture(1)));
        yield return Image("jpeg-cut", TinyCorpus.Picture(2)[..200]);
        yield return Image(
            "webp-cut",
            [.. "RIFF"u8, 0xFF, 0xFF, 0xFF, 0x7F, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        );
        yield return Image("tiff-loop", [.. "II*\0"u8, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0]);
    }

    private IEnumerable<HostileFile> Parquets()
    {
        var whole = System.IO.File.ReadAllBytes(corpus.PathOf("train.parquet"));
        yield return Parquet("cut.parquet", whole[..(whole.Length / 2)]);
        yield return Parquet("footer.parquet", [.. "PAR1"u8, .. new byte[16], 0xFF, 0xFF, 0xFF, 0x7F, .. "PAR1"u8]);
        yield return Parquet(
            "noise.parquet",
            [.. whole.Select((b, i) => i > 8 && i < whole.Length - 8 && i % 97 == 0 ? (byte)(b ^ 0x55) : b)]
        );
        yield return Parquet("nothing.parquet", []);
        Directory.CreateSymbolicLink(corpus.PathOf("loop.parquet"), "loop.parquet");
        yield return new HostileFile("loop.parquet", "loop.parquet", "data", "verify", "loop.parquet");
    }

    private IEnumerable<HostileFile> Tars()
    {
        yield return Tar("size.tar", [.. TarHeader("a.jpg", "77777777777\0"u8), .. new byte[512]]);
        yield return Tar("base256.tar", [.. TarHeader("a.jpg", [0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])]);
        yield return Tar("pax.tar", [.. TarHeader("x", "77777777777\0"u8, type: 'x'), .. new byte[512]]);
        yield return Tar("zeros.tar.gz", Gzip(stream => Fill(stream, 1L << 30)));
        yield return Tar(
            "bomb.tar.gz",
            Gzip(stream =>
            {
                stream.Write(TarHeader("a.jpg", "10000000000\0"u8));
                Fill(stream, 1L << 30);
            })
        );
        yield return Tar("noise.tar", [.. Enumerable.Range(0, Megabyte).Select(i => (byte)((i * 197) + (i >> 8)))]);
    }

    private static IEnumerable<HostileFile> Filters()
    {
        foreach (
            var filter in new[]
            {
                "len(range(1000000000)) > 0",
                "length(repeat(text, 1000000000)) > 1",
                "length(lpad(text, 2000000000, 'x')) > 1",
                "list_resize([1], 1000000000) is not null",
                "\"range\"(1000000000) is not null",
                "1 = 1; COPY train TO 'x'",
                "exists(select 1)",
                "read_text('/etc/passwd') is not null",
                "regexp_matches(text, '(a*)*(b*)*c$')",
            }
        )
        {
            // The last is slow only in a backtracking matcher; it matches no row.
            yield return new HostileFile(
                $"filter {filter}",
                "filter",
                "train",
                "run.yaml",
                "--set",
                "data.filter=" + System.Text.Json.JsonSerializer.Serialize(filter)
            );
        }
    }

    private HostileFile Weight(string name, byte[] bytes) =>
        File(name, bytes, "export", name, "--model", "ViT-B-32", "--format", "open-clip", "-o", "out");

    private HostileFile Tokenizer(string name, byte[] bytes) => File(name, bytes, "tokenizer", "show", "a cat", "--merges", name);

    private HostileFile Run(string name, byte[] bytes) => File(name, bytes, "train", name);

    private HostileFile Parquet(string name, byte[] bytes) => File(name, bytes, "data", "verify", name);

    private HostileFile Tar(string name, byte[] bytes) => File(name, bytes, "data", "import", "tar", name, "-o", name + "-out");

    private HostileFile Image(string name, byte[] bytes)
    {
        corpus.Write(name + ".parquet", 1, _ => bytes, _ => "a picture");
        return new HostileFile(name, $"{name}.parquet", "data", "verify", name + ".parquet");
    }

    private HostileFile File(string name, byte[] bytes, params string[] arguments)
    {
        System.IO.File.WriteAllBytes(corpus.PathOf(name), bytes);
        return new HostileFile(name, name, arguments);
    }

    private static byte[] Repeat(int count, params byte[] bytes) => [.. Enumerable.Repeat(bytes, count).SelectMany(b => b)];

    private static byte[] Safetensors(string header) =>
        [.. BitConverter.GetBytes((long)Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header)];

    private static byte[] Archive(byte[] pickle, bool compressed)
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        using (
            var entry = archive
                .CreateEntry("archive/data.pkl", compressed ? CompressionLevel.Fastest : CompressionLevel.NoCompression)
                .Open()
        )
        {
            entry.Write(pickle);
        }

        return bytes.ToArray();
    }

    private static byte[] Gzip(Action<Stream> write)
    {
        using var bytes = new MemoryStream();
        using (var zip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            write(zip);
        }

        return bytes.ToArray();
    }

    private static byte[] Deflate(Action<Stream> write)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZLibStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            write(zip);
        }

        return bytes.ToArray();
    }

    private static void Fill(Stream stream, long zeros)
    {
        var block = new byte[Megabyte];
        for (; zeros > 0; zeros -= block.Length)
        {
            stream.Write(block, 0, (int)Math.Min(block.Length, zeros));
        }
    }

    /// <summary>An RGB PNG with valid checksums.</summary>
    private static byte[] Png(int width, int height, byte[] pixels)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 2);
        return [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n', .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, pixels), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] body = [.. type, .. data];
        var (length, sum) = (new byte[4], new byte[4]);
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, System.IO.Hashing.Crc32.HashToUInt32(body));
        return [.. length, .. body, .. sum];
    }

    /// <summary>A JPEG that claims 20,000 × 20,000 pixels and starts a thousand scans of them.</summary>
    private static byte[] Scans(byte[] jpeg)
    {
        var frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 20_000);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 20_000);
        var scan = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        return [.. jpeg[..scan], .. Enumerable.Repeat(jpeg[scan..(scan + 14)], 1000).SelectMany(b => b), 0xFF, 0xD9];
    }

    private static byte[] TarHeader(string name, ReadOnlySpan<byte> size, char type = '0')
    {
        var header = new byte[512];
        Encoding.ASCII.GetBytes(name).CopyTo(header, 0);
        size.CopyTo(header.AsSpan(124));
        header[156] = (byte)type;
        "ustar\0"u8.CopyTo(header.AsSpan(257));
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        return header;
    }
}
