using ClipTrain.Monitoring.Series;

namespace ClipTrain.Monitoring.Tests.Series;

public sealed class MetricsSeriesTests : IDisposable
{
    private readonly RunFolder _run = new();

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(30_000)]
    public void Every_point_has_the_mean_least_and_largest_value_of_its_steps(int steps)
    {
        _run.Append(1, steps);
        var series = new MetricsSeries(_run.Metrics);
        series.Read();

        var slice = series.Slice(0, double.MaxValue, 500);

        Assert.InRange(slice.Step.Length, Math.Min(steps, 50), 500);
        Assert.Equal(steps, slice.Step[^1]);
        long first = 1;
        for (var i = 0; i < slice.Step.Length; i++)
        {
            var last = (long)slice.Step[i];
            double[] losses = [.. Enumerable.Range(0, (int)(last - first + 1)).Select(k => RunFolder.Loss(first + k))];
            Assert.Equal(losses.Average(), slice.Series["loss"].Mean[i], 9);
            Assert.Equal(losses.Min(), slice.Series["loss"].Least[i]);
            Assert.Equal(losses.Max(), slice.Series["loss"].Largest[i]);
            first = last + 1;
        }
    }

    [Theory]
    [InlineData(1, 200)]
    [InlineData(7_001, 7_300)]
    [InlineData(29_900, 40_000)]
    public void A_stretch_of_a_long_run_shows_single_steps(long from, long to)
    {
        const int Steps = 30_000;
        _run.Append(1, Steps);
        var series = new MetricsSeries(_run.Metrics);
        series.Read();

        var slice = series.Slice(from, to, 1000);

        var last = Math.Min(to, Steps);
        Assert.Equal(Enumerable.Range((int)from, (int)(last - from + 1)).Select(step => (double)step), slice.Step);
        Assert.Equal(slice.Step.Select(step => RunFolder.Loss((long)step)), slice.Series["loss"].Mean);
        Assert.Equal(Steps, series.LastStep);
        Assert.Equal(RunFolder.Loss(Steps), series.Last("loss"));
        // A look at the past leaves the present as it is.
        Assert.Equal(Steps, series.Slice(0, double.MaxValue, 100).Step[^1]);
    }

    [Fact]
    public void A_run_that_is_followed_gives_each_step_once_and_never_half_a_line()
    {
        var series = new MetricsSeries(_run.Metrics);
        Assert.Empty(series.Read());
        _run.Append(1, 3);
        Assert.Equal([1.0, 2, 3], series.Read().Select(line => line["step"]));
        Assert.Empty(series.Read());
        var line = RunFolder.Line(4);
        File.AppendAllText(_run.Metrics, line[..20]);
        Assert.Empty(series.Read());
        File.AppendAllText(_run.Metrics, line[20..]);
        Assert.Equal([4.0], series.Read().Select(news => news["step"]));
    }

    [Fact]
    public void A_run_that_goes_on_from_an_earlier_step_begins_its_series_anew()
    {
        _run.Append(1, 50);
        var series = new MetricsSeries(_run.Metrics);
        series.Read();
        var version = series.Version;

        File.Delete(_run.Metrics);
        _run.Append(1, 20);
        File.AppendAllText(_run.Metrics, RunFolder.Line(21, "7") + RunFolder.Line(22, "7"));
        series.Read();

        Assert.NotEqual(version, series.Version);
        Assert.Equal(22, series.LastStep);
        Assert.Equal(22, series.Slice(0, double.MaxValue, 100).Step.Length);
        Assert.Equal(7, series.Last("loss"));
    }

    [Fact]
    public void Training_time_is_summed_over_the_steps_and_keys_of_nested_objects_are_series()
    {
        _run.Append(1, 10);
        var series = new MetricsSeries(_run.Metrics);
        series.Read();

        Assert.Equal(20, series.Last(MetricsSeries.Seconds));
        Assert.Equal(0.5, series.Last("loader.read.busy"));
        Assert.DoesNotContain("objective", series.Names, StringComparer.Ordinal);
    }

    [Fact]
    public void Values_that_are_no_numbers_are_gaps_and_lines_that_are_no_json_are_left_out()
    {
        File.WriteAllText(_run.Metrics, RunFolder.Line(1, "\"NaN\"") + "nonsense\n[]\n" + RunFolder.Line(2));
        var series = new MetricsSeries(_run.Metrics);
        series.Read();

        var loss = series.Slice(0, 10, 10).Series["loss"].Mean;
        Assert.Equal(2, loss.Length);
        Assert.True(double.IsNaN(loss[0]));
        Assert.Equal(RunFolder.Loss(2), loss[1]);
    }

    [Fact]
    public void A_key_that_comes_later_is_empty_before_and_right_after()
    {
        File.WriteAllText(
            _run.Metrics,
            RunFolder.Line(1) + "{\"step\":2,\"first\":{\"a\":1},\"loss\":3}\n{\"step\":3,\"second\":{\"a\":2},\"loss\":4}\n"
        );
        var series = new MetricsSeries(_run.Metrics);
        series.Read();

        var slice = series.Slice(0, 10, 10);
        Assert.Equal([double.NaN, 1, double.NaN], slice.Series["first.a"].Mean);
        Assert.Equal([double.NaN, double.NaN, 2], slice.Series["second.a"].Mean);
        Assert.Equal([10.0, 3, 4], slice.Series["loss"].Mean);
    }

    public void Dispose() => _run.Dispose();
}
