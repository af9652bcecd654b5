using System.Text.Json;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

public sealed class LawFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly List<Observation> _rows = Synthetic.Grid(
        (n, d) => 1.69 + (406.4 / Math.Pow(n, 0.34)) + (410.7 / Math.Pow(d, 0.28)),
        [1e6, 1e7, 1e8, 1e9],
        [1e7, 1e8, 1e9, 1e10],
        (2, 0.002),
        1
    );

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_fit_is_written_for_other_programs_and_read_again_for_predictions()
    {
        var result = LawFitter.Fit(_rows, ["power", "power_floor", "frontier_bins", "parametric"], draws: 50);
        LawFolder.Write(_folder, result.Laws);
        var laws = JsonDocument
            .Parse(File.ReadAllText(Path.Combine(_folder, "laws.json")))
            .RootElement.EnumerateArray()
            .ToDictionary(law => law.GetProperty("law").GetString()!, StringComparer.Ordinal);
        Assert.Equal(["frontier_bins", "parametric", "power", "power_floor"], laws.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            ["A", "B", "E", "alpha", "beta"],
            laws["parametric"].GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name)
        );
        foreach (var law in laws.Values)
        {
            Assert.Equal(
                ["law", "group", "parameters", "aic", "heldout_error", "points"],
                law.EnumerateObject().Select(member => member.Name).Where(name => name != "bic")
            );
            foreach (var estimate in law.GetProperty("parameters").EnumerateObject())
            {
                var (value, low, high) = (
                    estimate.Value.GetProperty("value").GetDouble(),
                    estimate.Value.GetProperty("low").GetDouble(),
                    estimate.Value.GetProperty("high").GetDouble()
                );
                Assert.True(low <= value && value <= high, $"{law.GetProperty("law")} {estimate}");
            }
        }

        var read = LawFolder.Read(_folder);
        foreach (var (was, now) in result.Laws.Zip(read))
        {
            Assert.Equal(Prediction.At(was, 1e20), Prediction.At(now, 1e20));
        }

        Assert.Equal(Prediction.At(result.Laws[3], 1e8, 1e9), Prediction.At(read[3], 1e8, 1e9));
    }

    [Fact]
    public void A_prediction_of_one_trial_is_wider_than_that_of_the_law()
    {
        var fit = LawFitter.FitOne("power", "", Sample.Of(Synthetic.Curve(x => 20 * Math.Pow(x, -0.16), (1e6, 1e12), 40, 0.05, 1)), 400)!;
        var at = Prediction.At(fit, 1e9)!;
        Assert.True(at.Trial!.Value.High - at.Trial.Value.Low > 2 * (at.Law!.Value.High - at.Law.Value.Low));
        Assert.InRange(20 * Math.Pow(1e9, -0.16), at.Law.Value.Low, at.Law.Value.High);
    }

    [Fact]
    public void A_prediction_beyond_the_data_allows_for_what_the_law_misses_there()
    {
        // Errors fall faster and faster, as when a model begins to learn.
        static double Errors(double x) => 0.98 - (0.004 * Math.Sqrt(x / 1e6));
        var fit = LawFitter.FitOne("power", "", Sample.Of(Synthetic.Curve(Errors, (1e2, 1e10), 40, 0.01, 1)), 200)!;
        Assert.InRange(fit.ExtrapolationError, 0.03, 1);
        var (within, beyond) = (Prediction.At(fit, 9.9e9)!.Trial!.Value, Prediction.At(fit, 1.2e10)!.Trial!.Value);
        Assert.True(beyond.High / beyond.Low > 1.05 * (within.High / within.Low));
        Assert.InRange(Errors(1.2e10), beyond.Low, beyond.High);

        var right = LawFitter.FitOne("power", "", Sample.Of(Synthetic.Curve(x => 20 * Math.Pow(x, -0.16), (1e6, 1e10), 30, 0.01, 1)), 200)!;
        Assert.Equal(0, right.ExtrapolationError);
    }

    [Fact]
    public void The_report_draws_each_chart_and_says_what_the_results_cannot_tell()
    {
        var path = Path.Combine(_folder, "report.html");
        ScalingReport.Write(path, new ReportTitle("results.csv", "compute", "loss"), _rows, LawFitter.Fit(_rows, laws: null, draws: 30));
        var page = File.ReadAllText(path);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.All(
            new[]
            {
                "What these results cannot tell",
                "all results",
                "the compute frontier",
                "fitted against measured",
                "the best model and samples for a budget",
                "Parameters",
            },
            title => Assert.Contains(title, page, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void A_folder_without_a_fit_is_named_with_the_command_that_makes_one()
    {
        var error = Assert.Throws<ExperimentException>(() => LawFolder.Read(_folder));
        Assert.Contains("cliptrain scaling fit", error.Message, StringComparison.Ordinal);
    }
}
