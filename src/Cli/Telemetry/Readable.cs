using System.Globalization;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Human-readable numbers and durations.</summary>
internal static class Readable
{
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A number of things, such as "1 file" and "2,000 files".</summary>
    public static string Count(long value, string noun) => $"{Count(value)} {noun}{(value == 1 ? "" : "s")}";

    /// <summary>Formats with four significant digits, and without decimals from 1,000 on.</summary>
    public static string Number(double value) =>
        Math.Abs(value) switch
        {
            >= 1e9 or (> 0 and < 1e-3) => value.ToString("0.###e0", CultureInfo.InvariantCulture),
            >= 1000 => value.ToString("N0", CultureInfo.InvariantCulture),
            >= 100 => value.ToString("0.#", CultureInfo.InvariantCulture),
            >= 10 => value.ToString("0.##", CultureInfo.InvariantCulture),
            _ => value.ToString("0.####", CultureInfo.InvariantCulture),
        };

    public static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%";

    /// <summary>Formats as 3:04, 2:03:04, or 1 d 02:03 from a day on.</summary>
    public static string Duration(TimeSpan time) =>
        time switch
        {
            { TotalDays: >= 1 } => time.ToString(@"d\ \d\ hh\:mm", CultureInfo.InvariantCulture),
            { TotalHours: >= 1 } => time.ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture),
            _ => time.ToString(@"m\:ss", CultureInfo.InvariantCulture),
        };
}
