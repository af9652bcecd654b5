using System.Text;
using ClipTrain.DataPipeline.Text.Normalization;
using FsCheck;
using FsCheck.Fluent;

namespace ClipTrain.DataPipeline.Tests.Text;

/// <summary>Captions in many scripts, with everything that is repaired, unescaped or split in a particular way.</summary>
internal static class RandomCaption
{
    /// <summary>Characters in the Unicode versions of both .NET and Python.</summary>
    private static readonly (int First, int Last)[] Scripts =
    [
        ('a', 'z'),
        ('A', 'Z'),
        ('0', '9'),
        (0x20, 0x7E),
        (0xA0, 0xFF),
        (0x100, 0x17F),
        (0x1C4, 0x1F5),
        (0x300, 0x345),
        (0x391, 0x3A1),
        (0x3A3, 0x3CE),
        (0x400, 0x45F),
        (0x531, 0x556),
        (0x5D0, 0x5EA),
        (0x621, 0x652),
        (0x660, 0x669),
        (0x904, 0x94D),
        (0x9BE, 0x9CC),
        (0xE01, 0xE3A),
        (0xE40, 0xE4E),
        (0x1100, 0x1112),
        (0x1161, 0x1175),
        (0x11A8, 0x11C2),
        (0x1E00, 0x1EF9),
        (0x1F00, 0x1F15),
        (0x2010, 0x2027),
        (0x20A0, 0x20B8),
        (0x2150, 0x2188),
        (0x2190, 0x21FF),
        (0x24B6, 0x24E9),
        (0x2600, 0x26FF),
        (0x3041, 0x3096),
        (0x3099, 0x30FF),
        (0x4E00, 0x4E80),
        (0xAC00, 0xAC40),
        (0xF900, 0xF920),
        (0xFB00, 0xFB06),
        (0xFB1D, 0xFB36),
        (0xFE0E, 0xFE0F),
        (0xFF01, 0xFF9F),
        (0xFFE0, 0xFFE6),
        (0x10400, 0x1044F),
        (0x1D15E, 0x1D164),
        (0x1D400, 0x1D433),
        (0x1D7CE, 0x1D7FF),
        (0x1F1E6, 0x1F1FF),
        (0x1F300, 0x1F393),
        (0x1F3FB, 0x1F3FF),
        (0x1F400, 0x1F4FC),
        (0x1F600, 0x1F640),
        (0x20000, 0x20020),
        (0x2F800, 0x2F820),
    ];

    private static readonly string[] Particular =
    [
        " ",
        "  ",
        "\t",
        "\u00A0",
        "\u3000",
        "'",
        "’",
        "“",
        "”",
        "'S",
        "'Ll",
        "n't",
        "'re",
        "'VE ",
        "I'm",
        "'d",
        "0",
        "42",
        "½",
        "_",
        "-",
        "...",
        "\u200D",
        "\uFE0F",
        "👩‍👩‍👧‍👦",
        "☃️",
        "e\u0301",
        "İ",
        "Σ",
        "ΑΣ",
        "ß",
        "<",
        ">",
        "&",
        ";",
        "#",
        "&amp;",
        "&amp;amp;",
        "&lt;",
        "&#39;",
        "&#x27;",
        "&#8217 ",
        "&#128;",
        "&#0;",
        "&#xD800;",
        "&#1114112;",
        "&#5;",
        "&eacute;",
        "&EACUTE;",
        "&eacute",
        "&notit;",
        "&copy2020",
        "&nbsp;",
        "&NotEqualTilde;",
        "&zzz;",
        "\u0007",
        "\u0085",
        "\u0092",
        "\u007F",
        "\uFEFF",
        "\u000B",
        "\u001C",
        "\u2028",
        "Ã©",
        "â€™",
        "Â ",
        "Ã ",
        "Â",
        "Ã",
        "É…",
        "é\u00A0»",
        "ðŸ˜€",
        "Ã¢â‚¬â„¢",
        "<|endoftext|>",
        "<|startoftext|>",
        "<|END",
        "<start_of_text>",
        "<End_of_text>",
        "'ſ",
        "<ſtart_of_text>",
        "\u001B",
        "\u001B[31m",
        "\u001B[0;1;4m",
        "\u001B[\u0007m",
    ];

    public static Gen<string> Any { get; } =
        Texts(Gen.Frequency((3, Script()), (3, Gen.Elements(Particular)), (1, Misread()), (1, Gen.Constant(" "))));

    /// <summary>Some characters of one script.</summary>
    private static Gen<string> Script() =>
        Gen.Elements(Scripts).SelectMany(s => Texts(Gen.Choose(s.First, s.Last).Select(c => new Rune(c).ToString())));

    /// <summary>Some characters of a script as UTF-8 decoded as Windows-1252 or Latin-1.</summary>
    private static Gen<string> Misread() =>
        Gen.Elements(true, false)
            .SelectMany(windows =>
                Script()
                    .Select(text => string.Concat(Encoding.UTF8.GetBytes(text).Select(b => windows ? Windows1252.Character(b) : (char)b)))
            );

    private static Gen<string> Texts(Gen<string> part) => part.ListOf().Select(string.Concat);
}
