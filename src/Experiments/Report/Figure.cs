using System.Globalization;

namespace ClipTrain.Experiments.Report;

/// <summary>Formats numbers for a report.</summary>
internal static class Figure
{
    private static readonly (double Size, string Unit)[] Units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];

    /// <summary>Four significant digits; 1,200,000 is 1.2M.</summary>
    public static string Short(double value)
    {
        if (Math.Abs(value) is >= 0.9995e15 or > 0 and < 1e-3)
        {
            return value.ToString("0.###e0", CultureInfo.InvariantCulture);
        }

        var (size, unit) = Units.FirstOrDefault(unit => Math.Abs(value) >= 0.9995 * unit.Size, (1, ""));
        return (value / size).ToString(
                Math.Abs(value / size) >= 100 ? "0.#"
                    : Math.Abs(value / size) >= 10 ? "0.##"
                    : Math.Abs(value / size) >= 1 ? "0.###"
                    : "0.####",
                CultureInfo.InvariantCulture
            ) + unit;
    }

    public static string Short(double? value) => value is { } number ? Short(number) : "–";

    public static string Percent(double share) => (100 * share).ToString("0.#", CultureInfo.InvariantCulture) + "%";

    /// <summary>Formats a coordinate of a drawing.</summary>
    public static string Place(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
