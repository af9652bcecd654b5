using System.Globalization;
using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// libjpeg-turbo's warnings. Most mean that the picture is damaged; a few only that its writer was careless, with every pixel present and
/// equal to Pillow's.
/// </summary>
internal static partial class JpegWarning
{
    /// <summary>
    /// Harmless padding after the last pixel is a few bytes, or any number of one value; the remains of a damaged scan are long and
    /// mixed.
    /// </summary>
    private const int MaxPadding = 64;

    /// <summary>True if the call that has just failed decoded a whole picture.</summary>
    /// <param name="handle">The decoder.</param>
    /// <param name="jpeg">The encoded image.</param>
    public static bool IsHarmless(nint handle, ReadOnlySpan<byte> jpeg) =>
        NativeTurboJpeg.tjGetErrorCode(handle) == NativeTurboJpeg.ErrorWarning && IsHarmless(NativeTurboJpeg.LastError(handle), jpeg);

    /// <summary>True if a warning leaves the picture intact.</summary>
    /// <param name="message">libjpeg-turbo's message.</param>
    /// <param name="jpeg">The encoded image.</param>
    public static bool IsHarmless(string message, ReadOnlySpan<byte> jpeg)
    {
        if (Careless().IsMatch(message))
        {
            return true;
        }

        if (Extraneous().Match(message) is not { Success: true } match)
        {
            return false;
        }

        var count = int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture);
        return int.Parse(match.Groups["marker"].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture) switch
        {
            // Restart markers: pixels are missing or wrong.
            >= 0xD0 and <= 0xD7 => false,
            0xD9 => count <= MaxPadding || IsOfOneValue(jpeg, count),
            _ => true,
        };
    }

    private static bool IsOfOneValue(ReadOnlySpan<byte> jpeg, int count)
    {
        var end = jpeg.LastIndexOf<byte>([0xFF, 0xD9]);
        return end >= count && !jpeg[(end - count)..end].ContainsAnyExcept(jpeg[end - 1]);
    }

    // The messages are short; a time limit would end a run whose process was suspended.
    [GeneratedRegex(
        "Invalid SOS parameters for sequential JPEG|unknown JFIF revision|Unknown Adobe color transform|bad ICC marker",
        RegexOptions.CultureInvariant,
        Timeout.Infinite
    )]
    private static partial Regex Careless();

    [GeneratedRegex(
        "(?<count>[0-9]+) extraneous bytes before marker 0x(?<marker>[0-9a-f]+)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        Timeout.Infinite
    )]
    private static partial Regex Extraneous();
}
