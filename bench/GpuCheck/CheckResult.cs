using System.Globalization;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>A row of the table.</summary>
/// <param name="Ok">Null if the check could not run here, or only measures.</param>
internal sealed record CheckResult(string What, string Expected, string Measured, bool? Ok)
{
    /// <summary>A number that must not exceed a bound.</summary>
    public static CheckResult AtMost(string what, double measured, double bound) =>
        new(
            what,
            string.Create(CultureInfo.InvariantCulture, $"≤ {bound:G3}"),
            measured.ToString("G3", CultureInfo.InvariantCulture),
            measured <= bound
        );

    public static CheckResult Figure(string what, string measured) => new(what, "", measured, null);

    public static CheckResult NotHere(string what, string why) => new(what, why, "not made", null);

    public override string ToString() =>
        $"{Cell.Left(What, 52)} {Cell.Left(Expected, 24)} {Cell.Left(Measured, 30)} {(Ok is { } ok ? ok ? "ok" : "WRONG" : "-")}";
}
