using System.Globalization;

namespace ClipTrain.Soak;

/// <summary>A table of recoveries by kind of fault.</summary>
internal static class SoakReport
{
    public static void Write(TextWriter output, IReadOnlyList<FaultOutcome> outcomes)
    {
        output.WriteLine(Row("fault", "count", "median s", "worst s", "redone steps"));
        foreach (var kind in outcomes.GroupBy(outcome => outcome.Kind).OrderBy(kind => kind.Key))
        {
            double[] seconds = [.. kind.Select(outcome => outcome.Recovery.TotalSeconds)];
            output.WriteLine(
                Row(
                    kind.Key.ToString(),
                    Text(kind.Count(), "0"),
                    Text(Median(seconds), "F2"),
                    Text(seconds.Max(), "F2"),
                    Text(kind.Sum(outcome => outcome.Redone), "0")
                )
            );
        }
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Row(string fault, string count, string median, string worst, string redone) =>
        fault.PadRight(26) + count.PadLeft(7) + median.PadLeft(10) + worst.PadLeft(10) + redone.PadLeft(14);

    private static string Text(IFormattable value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
