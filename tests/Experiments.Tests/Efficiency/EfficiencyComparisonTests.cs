using System.Text.Json.Nodes;
using ClipTrain.Experiments.Efficiency;
using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Tests.Efficiency;

public class EfficiencyComparisonTests
{
    private static readonly double[] s_samples = [1000, 2000, 4000, 8000, 16000];

    [Fact]
    public void Between_two_points_accuracy_is_linear_in_the_logarithm_of_the_amount()
    {
        var curve = new AccuracyCurve([1000, 4000, 16000], [0.2, 0.4, 0.3]);
        Assert.Equal(2000, curve.AmountToReach(0.3).Value, 1e-6);
        Assert.Equal(4000, curve.AmountToReach(0.4).Value, 1e-6);
        Assert.Equal(Censoring.None, curve.AmountToReach(0.4).Censoring);
        Assert.Equal(new Censored(16000, Censoring.MoreThan), curve.AmountToReach(0.41));
        Assert.Equal(new Censored(1000, Censoring.AtMost), curve.AmountToReach(0.2));
    }

    [Fact]
    public void A_group_four_times_slower_needs_four_times_the_samples()
    {
        var rows = EfficiencyComparison.Compare([.. Runs("fast", 1, 0), .. Runs("slow", 4, 0)], "fast", [0.2]);
        Assert.Equal(["fast", "slow"], rows.Select(row => row.Group), StringComparer.Ordinal);
        Assert.Equal(2000, rows[0].Amount.Value, 1e-6);
        Assert.Equal(4, rows[1].Ratio!.Value.Value, 1e-6);
        Assert.Equal(4, rows[1].RatioInterval!.Value.Low, 1e-6);
        Assert.Equal(4, rows[1].RatioInterval!.Value.High, 1e-6);
    }

    [Fact]
    public void The_accuracy_is_by_default_the_highest_that_every_group_reaches()
    {
        var rows = EfficiencyComparison.Compare([.. Runs("slow", 4, 0), .. Runs("fast", 1, 0)], "fast", []);
        Assert.All(rows, row => Assert.Equal(0.3, row.Accuracy, 1e-9));
        Assert.Equal([4000, 16000], rows.Select(row => Math.Round(row.Amount.Value)));
    }

    [Fact]
    public void An_accuracy_that_is_never_reached_gives_a_bound_and_an_open_interval()
    {
        var rows = EfficiencyComparison.Compare([.. Runs("fast", 1, 0), .. Runs("slow", 4, 0)], "fast", [0.45]);
        Assert.Equal(Censoring.None, rows[0].Amount.Censoring);
        Assert.Equal(new Censored(16000, Censoring.MoreThan), rows[1].Amount);
        Assert.Equal(Censoring.MoreThan, rows[1].Ratio!.Value.Censoring);
        Assert.Equal(16000 / rows[0].Amount.Value, rows[1].Ratio!.Value.Value, 1e-9);
        Assert.Equal(double.PositiveInfinity, rows[1].RatioInterval!.Value.High);

        var neither = EfficiencyComparison.Compare([.. Runs("fast", 1, 0), .. Runs("slow", 4, 0)], "fast", [0.9]);
        Assert.Null(neither[1].Ratio);
        Assert.Equal((0, double.PositiveInfinity), neither[1].RatioInterval);
    }

    [Fact]
    public void A_single_seed_gives_no_interval()
    {
        var rows = EfficiencyComparison.Compare([.. Runs("fast", 1, 0, seeds: 1), .. Runs("slow", 4, 0, seeds: 1)], "fast", [0.2]);
        Assert.Equal(4, rows[1].Ratio!.Value.Value, 1e-6);
        Assert.Null(rows[1].RatioInterval);
    }

    [Fact]
    public void Amounts_that_a_seed_has_not_finished_are_left_out()
    {
        var points = Runs("fast", 1, 0).Concat(Runs("slow", 4, 0)).ToList();
        points.Remove(points.Single(point => point is { Group: "slow", Seed: "2", Amount: 16000 }));
        var slow = EfficiencyComparison.Compare(points, "fast", [0.25])[1];
        Assert.Equal(new Censored(8000, Censoring.MoreThan), slow.Amount);
    }

    [Fact]
    public void A_group_counts_its_configuration_that_reaches_the_accuracy_first()
    {
        // The large model starts later and overtakes the small one, so each is the better one of another accuracy.
        EfficiencyPoint[] points =
        [
            .. Runs("fast", 1, 0),
            .. Points("slow", "small", (1e3, 0.1), (1e4, 0.2), (1e5, 0.25)),
            .. Points("slow", "large", (1.2e3, 0.05), (1.1e4, 0.15), (1e5, 0.35)),
            .. Points("slow", "unfinished", (1e3, 0.9)),
        ];
        var rows = EfficiencyComparison.Compare(points, "fast", [0.2, 0.3, 0.36]);
        Assert.Equal(["", "small", "", "large", "", "large"], rows.Select(row => row.Configuration));
        Assert.Equal(new Censored(1e4, Censoring.None), rows[1].Amount);
        Assert.InRange(rows[3].Amount.Value, 1.1e4, 1e5);
        Assert.Equal(new Censored(1e5, Censoring.MoreThan), rows[5].Amount);
        // The highest accuracy that both groups reach, whatever the configuration.
        Assert.Equal(0.35, EfficiencyComparison.Compare(points, "fast", [])[0].Accuracy, 1e-9);

        static IEnumerable<EfficiencyPoint> Points(string group, string configuration, params (double Amount, double Accuracy)[] points) =>
            points.Select(point => new EfficiencyPoint(group, configuration, "1", point.Amount, point.Accuracy));
    }

    [Fact]
    public void A_comparison_is_written_as_JSON_and_CSV()
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-efficiency-").FullName;
        try
        {
            EfficiencyFiles.Write(
                folder,
                "FLOPs",
                EfficiencyComparison.Compare([.. Runs("fast", 1, 0), .. Runs("slow", 4, 0)], "fast", [0.2, 0.45])
            );

            var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "efficiency.json")))!.AsArray();
            Assert.Equal(4, json.Count);
            var (equal, unreached) = (json[1]!, json[3]!);
            Assert.Equal("slow", (string)equal["group"]!);
            Assert.Equal("FLOPs", (string)equal["unit"]!);
            Assert.Equal(8000, (double)equal["amount"]!, 1e-6);
            Assert.Equal("equal", (string)equal["ratio_is"]!);
            Assert.Equal(4, (double)equal["ratio_high"]!, 1e-6);
            Assert.Equal("more than", (string)unreached["amount_is"]!);
            Assert.Null(unreached["amount_high"]);
            var csv = File.ReadAllLines(Path.Combine(folder, "efficiency.csv"));
            Assert.Equal(
                "accuracy,group,configuration,unit,amount,amount_is,amount_low,amount_high,ratio,ratio_is,ratio_low,ratio_high",
                csv[0]
            );
            Assert.Equal(5, csv.Length);
            Assert.StartsWith("0.45,slow,,FLOPs,16000,more than,,,", csv[4], StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Intervals_cover_the_true_ratio()
    {
        const int simulations = 200;
        var covered = 0;
        for (var i = 0; i < simulations; i++)
        {
            var random = new Random(i);
            var points = Runs("fast", 1, 0.01, random: random).Concat(Runs("slow", 4, 0.01, random: random)).ToList();
            var (low, high) = EfficiencyComparison.Compare(points, "fast", [0.2])[1].RatioInterval!.Value;
            covered += low <= 4 && 4 <= high ? 1 : 0;
        }

        Assert.InRange(covered, 0.9 * simulations, simulations);
    }

    [Fact]
    public void Too_few_results_are_an_error_that_names_the_group()
    {
        var missing = Assert.Throws<ExperimentException>(() => EfficiencyComparison.Compare([.. Runs("slow", 4, 0)], "fast", []));
        Assert.Contains("fast, the reference, has no result", missing.Message, StringComparison.Ordinal);
        var sparse = Assert.Throws<ExperimentException>(() =>
            EfficiencyComparison.Compare([.. Runs("fast", 1, 0), new EfficiencyPoint("slow", "", "1", 1000, 0.1)], "fast", [])
        );
        Assert.Contains("slow has results", sparse.Message, StringComparison.Ordinal);
    }

    /// <summary>Accuracy 0.1 for each doubling of the samples beyond 500, as a group that needs <paramref name="times"/> of them.</summary>
    private static IEnumerable<EfficiencyPoint> Runs(string name, double times, double noise, int seeds = 3, Random? random = null) =>
        from seed in Enumerable.Range(1, seeds)
        from samples in s_samples
        select new EfficiencyPoint(
            name,
            "",
            $"{seed}",
            samples,
            (0.1 * Math.Log2(samples / times / 500)) + (noise == 0 ? 0 : Normal.Sample(random!, 0, noise))
        );
}
