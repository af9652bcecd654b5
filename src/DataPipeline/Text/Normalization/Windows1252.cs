namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// Windows code page 1252, which differs from Latin-1 only at 0x80 to 0x9F. Its five undefined bytes map as in Latin-1.
/// </summary>
internal static class Windows1252
{
    private const string HighControls = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ";

    /// <summary>The character of a byte.</summary>
    public static char Character(byte value) => value is >= 0x80 and <= 0x9F ? HighControls[value - 0x80] : (char)value;

    /// <summary>The byte of a character in this code page or in Latin-1; -1 if it is in neither.</summary>
    public static int Byte(char character) =>
        character switch
        {
            <= '\u00FF' => character,
            < '\u0152' or > '\u2122' => -1,
            _ => HighControls.IndexOf(character, StringComparison.Ordinal) is var at and >= 0 ? 0x80 + at : -1,
        };
}
