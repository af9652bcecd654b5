using System.Globalization;

namespace ClipTrain.Bench;

/// <summary>Cells of printed tables, padded to the width of their column.</summary>
internal static class Cell
{
    public static string Left(object value, int width) => Text(value, format: null).PadRight(width);

    /// <param name="value">A number or a text.</param>
    /// <param name="width">Width of the column.</param>
    /// <param name="format">Format of a number.</param>
    public static string Right(object value, int width, string? format = null) => Text(value, format).PadLeft(width);

    private static string Text(object value, string? format) =>
        value is IFormattable number ? number.ToString(format, CultureInfo.InvariantCulture) : $"{value}";
}
