using System.Text.RegularExpressions;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Report;

public sealed partial class ScalingReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-report-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(12)]
    public void Each_amount_of_samples_has_a_mark_of_its_own(int amounts)
    {
        var legend = Legend(amounts);
        Assert.Equal(amounts, legend.Count);
        Assert.Equal(amounts, legend.Select(entry => entry.Mark).Distinct(StringComparer.Ordinal).Count());
        Assert.All(legend, entry => Assert.DoesNotContain(" to ", entry.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void More_amounts_than_marks_share_them_and_the_legend_says_which()
    {
        var legend = Legend(30);
        Assert.Equal(12, legend.Count);
        Assert.Equal(12, legend.Select(entry => entry.Mark).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal("1k to 1.2k samples", legend[0].Text);
        Assert.EndsWith(" to 3.9k samples", legend[^1].Text, StringComparison.Ordinal);
    }

    /// <summary>The legend's entries about samples, each with the drawing of its mark without the position.</summary>
    private List<(string Text, string Mark)> Legend(int amounts)
    {
        Observation[] rows =
        [
            .. Enumerable
                .Range(0, amounts)
                .Select(i => 1000.0 + (100 * i))
                .Select(samples => new Observation(samples * 1e6, 100 / samples) { Params = 1e6, Data = samples }),
        ];
        var path = Path.Combine(_folder, "report.html");
        ScalingReport.Write(path, new ReportTitle("test", "FLOPs", "error"), rows, LawFitter.Fit(rows, ["power"], draws: 20));
        return
        [
            .. Entry()
                .Matches(File.ReadAllText(path))
                .Select(entry => (entry.Groups["text"].Value, entry.Groups["shape"].Value + entry.Groups["style"].Value)),
        ];
    }

    [GeneratedRegex(
        """<path d="M[\d.]+ [\d.]+(?<shape>m[^"]+)" (?<style>[^>]+)>\s*<title>(?<text>[^<]+ samples)</title>\s*</path>\s*<text[^>]*>\k<text></text>""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000
    )]
    private static partial Regex Entry();
}
