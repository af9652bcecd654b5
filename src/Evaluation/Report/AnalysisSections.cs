using System.Xml.Linq;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Evaluation.Report;

/// <summary>The parts of a report that show more than one set, or one by groups.</summary>
internal static class AnalysisSections
{
    public static IEnumerable<XElement> Draw(SuiteResult result)
    {
        _ = result;
        yield break;
    }
}
