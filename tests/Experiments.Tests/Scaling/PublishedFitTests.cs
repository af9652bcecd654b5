using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

/// <summary>Zero-shot ImageNet errors that LAION-AI/scaling-laws-openclip publishes, and the laws of its figures.</summary>
public sealed class PublishedFitTests
{
    [Fact]
    public void OpenAIs_three_models_lie_on_the_published_line() => Holds("openai-imagenet.csv", "power", 23.18, -0.1638);

    [Fact]
    public void LAIONs_frontier_by_five_bins_is_the_published_line() => Holds("laion-imagenet.csv", "frontier_bins", 5.858, -0.1114);

    private static void Holds(string file, string law, double beta, double alpha)
    {
        var rows = ResultsFile.Read(
            Path.Combine(AppContext.BaseDirectory, "Scaling", "Published", file),
            new ResultColumns("gmacs", "error")
        );
        var fit = LawFitter.Fit(rows, [law], draws: 100).Laws[0];
        Assert.Equal(beta, fit.Parameters["beta"].Value!.Value, 0.005 * Math.Pow(10, Math.Floor(Math.Log10(beta)) - 1));
        Assert.Equal(alpha, fit.Parameters["alpha"].Value!.Value, 0.00005);
    }
}
