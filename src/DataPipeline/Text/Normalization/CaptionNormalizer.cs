using System.Buffers;
using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// Normalises a caption before it is split into pieces: repaired, HTML unescaped twice, lower-cased. White space is kept, since no piece
/// contains any.
/// </summary>
/// <remarks>
/// CLIP repairs captions with ftfy's fix_text. The following steps of ftfy are implemented, and repeated until nothing changes:
/// <list type="number">
/// <item>HTML references that end with a semicolon, unless there is a "&lt;" in the caption (<see cref="HtmlEntities"/>);</item>
/// <item>UTF-8 decoded as Latin-1 or Windows-1252, any number of times, by our own rules, which are more cautious than ftfy's
/// (<see cref="Mojibake"/>);</item>
/// <item>quotes, ligatures, widths, terminal escape sequences, C1 and other control characters (<see cref="Typography"/>);</item>
/// <item>normalisation form C (<see cref="Composition"/>).</item>
/// </list>
/// Not implemented: mojibake of other encodings (Windows-1250 to 1257, Mac Roman, code page 437, Latin-2), mojibake with bytes lost to
/// "?" or U+FFFD or with quotes straightened inside it; half-width Hangul. Unpaired surrogates become U+FFFD.
/// </remarks>
internal static class CaptionNormalizer
{
    /// <summary>Printable ASCII and white space without the ampersand: only the case may change.</summary>
    private static readonly SearchValues<char> PlainAscii = SearchValues.Create([
        .. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c != '&'),
        '\t',
        '\n',
        '\r',
        '\f',
    ]);

    /// <summary>The normalised caption as UTF-8, in the buffer if it fits and needs no repair, otherwise in its own memory.</summary>
    public static ReadOnlySpan<byte> Normalize(string caption, Span<byte> buffer)
    {
        var plain = caption.AsSpan().IndexOfAnyExcept(PlainAscii);
        if (plain < 0 && caption.Length <= buffer.Length)
        {
            _ = Ascii.ToLower(caption, buffer, out var written);
            return buffer[..written];
        }

        return plain >= 0 && PlainText.TryLower(caption, buffer, out var length)
            ? buffer[..length]
            : Encoding.UTF8.GetBytes(Normalize(caption));
    }

    public static string Normalize(string caption)
    {
        var before = "";
        while (caption != before)
        {
            before = caption;
            if (!caption.Contains('<', StringComparison.Ordinal))
            {
                caption = HtmlEntities.UnescapeTerminated(caption);
            }

            caption = Composition.Compose(Typography.Straighten(Mojibake.Repair(caption)));
        }

        return LowerCase.Of(HtmlEntities.Unescape(HtmlEntities.Unescape(caption)));
    }
}
