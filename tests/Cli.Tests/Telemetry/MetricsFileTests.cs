using System.Text.Json.Nodes;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class MetricsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string FilePath => _folder.File("metrics.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_step_is_one_JSON_line_with_snake_case_names()
    {
        Write(0, 4);

        var line = JsonNode.Parse(Assert.Single(File.ReadAllLines(FilePath)))!;
        Assert.Equal(
            "step samples epoch loss logit_scale gradient_norm learning_rate step_seconds images_per_second data_wait_share bad_samples "
                + "truncated_captions loader objective logit_bias corpus_epochs",
            string.Join(' ', line.AsObject().Select(member => member.Key))
        );
        Assert.Equal(0.25, line["loss"]!.GetValue<double>());
        Assert.Equal(0.00048, line["learning_rate"]!.GetValue<double>());
        Assert.Equal(0.125, line["loader"]!["decode"]!["starved"]!.GetValue<double>());
    }

    [Fact]
    public void A_line_can_be_read_while_the_file_is_being_written()
    {
        using var metrics = MetricsFile.Open(FilePath, 0);

        metrics.Append(Samples.Step(1));

        Assert.Equal([Samples.Step(1)], MetricsFile.Read(FilePath));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(9)]
    public void Resuming_drops_the_steps_that_will_be_repeated(long resumedStep)
    {
        Write(0, 1, 2, 3, 4, 5);

        Write(resumedStep, 100);

        Assert.Equal([.. Enumerable.Range(1, (int)Math.Min(resumedStep, 5)).Select(i => (long)i), 100], Steps());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_run_that_ends_before_it_has_repeated_its_steps_drops_them(long endStep)
    {
        Write(0, 1, 2);
        using (var file = MetricsFile.Open(FilePath, 2))
        {
            file.Append(Samples.Step(3));
            file.EndAt(endStep);
            Assert.Equal(Math.Min(endStep, 3), file.LastStep);
            file.Append(Samples.Step(4));
        }

        Assert.Equal([.. new long[] { 1, 2, 3 }.Where(step => step <= endStep), 4], Steps());
    }

    [Fact]
    public void A_crash_at_any_byte_loses_only_the_partial_line()
    {
        Write(0, 1, 2, 3);
        var whole = File.ReadAllBytes(FilePath);
        var lines = whole.Index().Where(b => b.Item == '\n').Select(b => b.Index + 1).ToList();

        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(FilePath, whole[..length]);

            Assert.Equal(lines.Count(end => end <= length), MetricsFile.Read(FilePath).Count());
            Write(3, 7);
            Assert.Equal([.. Enumerable.Range(1, lines.Count(end => end <= length)).Select(i => (long)i), 7], Steps());
        }
    }

    [Fact]
    public void Lines_of_versions_without_loader_metrics_are_readable()
    {
        File.WriteAllText(
            FilePath,
            """{"step":1,"samples":64,"epoch":0.01,"loss":1,"logit_scale":14.25,"gradient_norm":0.5,"learning_rate":0.000"""
                + """48,"step_seconds":2,"images_per_second":32,"data_wait_share":0.125,"bad_samples":3}"""
                + "\n"
        );

        Assert.Equal(
            Samples.Step(1) with
            {
                TruncatedCaptions = 0,
                Loader = null,
            },
            MetricsFile.Read(FilePath).Single() with
            {
                Epoch = 0.01,
            }
        );
    }

    [Fact]
    public void A_NaN_loss_is_preserved()
    {
        using (var metrics = MetricsFile.Open(FilePath, 0))
        {
            metrics.Append(Samples.Step(1) with { Loss = double.NaN, GradientNorm = double.PositiveInfinity });
        }

        Assert.Contains("\"loss\":\"NaN\",", File.ReadAllText(FilePath), StringComparison.Ordinal);
        Assert.Equal(
            (double.NaN, double.PositiveInfinity),
            (MetricsFile.Read(FilePath).Single().Loss, MetricsFile.Read(FilePath).Single().GradientNorm)
        );
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("{\"step\":1}")]
    [InlineData("null")]
    public void A_damaged_line_is_reported_and_the_lines_before_it_are_kept(string bad)
    {
        Write(0, 1);
        File.AppendAllText(FilePath, $"{bad}\n{File.ReadAllText(FilePath)}");
        var damaged = File.ReadAllText(FilePath);

        Assert.StartsWith(
            $"{FilePath}:2: not a metrics line",
            Assert.Throws<InvalidDataException>(() => MetricsFile.Read(FilePath).ToList()).Message,
            StringComparison.Ordinal
        );
        Assert.Equal(1, MetricsFile.LossAt(FilePath, 9));
        using (var metrics = MetricsFile.Open(FilePath, 9))
        {
            Assert.StartsWith($"{FilePath}:2: not a metrics line", metrics.Damage, StringComparison.Ordinal);
            metrics.Append(Samples.Step(2));
        }

        Assert.Equal([1L, 2], Steps());
        Assert.Equal(damaged, File.ReadAllText($"{FilePath}.damaged"));
    }

    [Fact]
    public void The_loss_of_a_missing_file_is_NaN() => Assert.Equal(double.NaN, MetricsFile.LossAt(FilePath, 1));

    private void Write(long resumedStep, params long[] steps)
    {
        using var metrics = MetricsFile.Open(FilePath, resumedStep);
        foreach (var step in steps)
        {
            metrics.Append(Samples.Step(step));
        }
    }

    private IEnumerable<long> Steps() => MetricsFile.Read(FilePath).Select(metrics => metrics.Step);
}
