using System.Globalization;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>Figures as verdicts print them.</summary>
internal static class Words
{
    public static string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture);

    /// <summary>A speed-up as the change that it makes, such as "+25 %".</summary>
    public static string Change(double factor) => (factor - 1).ToString("+0 %;-0 %", CultureInfo.InvariantCulture);

    public static string Seconds(double value) => $"{value.ToString("G3", CultureInfo.InvariantCulture)} s";

    public static string Times(double value) => $"{value.ToString("F2", CultureInfo.InvariantCulture)} times";
}
