using System.Text;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>Makes text from other processes safe for logs and terminals: limited in length and without control characters.</summary>
public static class PlainText
{
    /// <summary>Maximum length of a name: a worker, machine, device or hash.</summary>
    public const int NameLength = 200;

    /// <summary>Maximum length of a sentence or a line of output.</summary>
    public const int LineLength = 2_000;

    /// <summary>Maximum length of a message of several lines.</summary>
    public const int BlockLength = 8_000;

    /// <summary>True if a name is neither empty nor too long and has no control characters.</summary>
    public static bool IsName(string? name, int most = NameLength) =>
        name is { Length: > 0 } && name.Length <= most && !name.Any(IsControl);

    /// <summary>One line of text: line breaks and tabs become spaces, other control characters �, and excess length is cut off.</summary>
    public static string Line(string? text, int most = LineLength) => Clean(text, most, keepsLines: false);

    /// <summary>Text of several lines; line breaks are kept.</summary>
    public static string Block(string? text) => Clean(text, BlockLength, keepsLines: true);

    /// <summary>
    /// True for characters that a terminal acts on instead of showing: control characters, line separators and direction marks.
    /// </summary>
    public static bool IsControl(char c) =>
        char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    private static string Clean(string? text, int most, bool keepsLines)
    {
        if (text is null || (text.Length <= most && !text.Any(IsControl)))
        {
            return text ?? "";
        }

        var clean = new StringBuilder(Math.Min(text.Length, most) + 1);
        foreach (var rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > most)
            {
                clean.Append('…');
                break;
            }

            clean.Append(
                rune.Value switch
                {
                    '\n' when keepsLines => "\n",
                    '\n' or '\r' or '\t' or '\u2028' or '\u2029' => " ",
                    <= char.MaxValue and var value when IsControl((char)value) => "\ufffd",
                    _ => rune.ToString(),
                }
            );
        }

        return clean.ToString();
    }
}
