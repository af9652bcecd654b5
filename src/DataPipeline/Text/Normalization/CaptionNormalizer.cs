using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// A caption before it is cut into pieces: repaired, HTML unescaped twice, lower-cased. White space stays as it is; no
/// piece holds any.
/// </summary>
/// <remarks>
/// CLIP's reference repairs with ftfy's fix_text. Of what ftfy documents, this is done, again and again until nothing
/// changes any more:
/// <list type="number">
/// <item>HTML references that end with a semicolon, unless there is a "&lt;" in the caption (<see cref="HtmlEntities"/>);</item>
/// <item>UTF-8 that was read as Latin-1 or Windows-1252, any number of times, by rules of our own that are more cautious
/// than ftfy's (<see cref="Mojibake"/>);</item>
/// <item>quotes, ligatures, widths, C1 and other control characters (<see cref="Typography"/>);</item>
/// <item>normalisation form C (<see cref="Composition"/>).</item>
/// </list>
/// Not done: mojibake of other encodings (Windows-1250 to 1257, Mac Roman, code page 437, Latin-2), mojibake whose bytes
/// were lost to "?" or U+FFFD, or with quotes straightened inside it; terminal escapes beyond their ESC; half-width
/// Hangul. Halves of surrogate pairs become U+FFFD.
/// </remarks>
internal static class CaptionNormalizer
{
    /// <summary>Printable ASCII and blanks without the ampersand: nothing to repair but the case.</summary>
    private static readonly SearchValues<char> PlainAscii = SearchValues.Create([
        .. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c != '&'),
        '\t',
        '\n',
        '\r',
        '\f',
    ]);

    /// <summary>
    /// The normalised caption, UTF-8: in the buffer if it fits and there is nothing to repair, else in memory of its own.
    /// </summary>
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
        for (var before = ""; caption != before; )
        {
            before = caption;
            if (!caption.Contains('<', StringComparison.Ordinal))
                caption = HtmlEntities.UnescapeTerminated(caption);
            caption = Composition.Compose(Typography.Straighten(Mojibake.Repair(caption)));
        }

        return LowerCase.Of(HtmlEntities.Unescape(HtmlEntities.Unescape(caption)));
    }
}
