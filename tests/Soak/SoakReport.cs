using System.Globalization;

namespace ClipTrain.Soak;

/// <summary>How a run bore each kind of fault, as a table.</summary>
internal static class SoakReport
{
    public static void Write(TextWriter output, IReadOnlyList<FaultOutcome> outcomes)
    {
        output.WriteLine($"{"fault", -26}{"count", 7}{"median s", 10}{"worst s", 10}{"redone steps", 14}");
        foreach (var kind in outcomes.GroupBy(outcome => outcome.Kind).OrderBy(kind => kind.Key))
        {
            output.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{kind.Key, -26}{kind.Count(), 7}{Median(kind.Select(outcome => outcome.Recovery.TotalSeconds)), 10:F2}{kind.Max(outcome => outcome.Recovery.TotalSeconds), 10:F2}{kind.Sum(outcome => outcome.Redone), 14}"
                )
            );
        }
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
