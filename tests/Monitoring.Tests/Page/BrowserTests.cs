using System.Text.RegularExpressions;
using ClipTrain.Monitoring.Page;
using ClipTrain.Monitoring.Runs;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Monitoring.Tests.Page;

/// <summary>The page in a browser: as seen by people and screen readers.</summary>
public sealed partial class BrowserTests : IDisposable
{
    /// <summary>Every rule that axe has; each violation with the elements that it is about.</summary>
    private const string RunAxe = """
        addEventListener('load', () => setTimeout(async () => {
          const found = (await axe.run()).violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' '));
          document.body.dataset.axe = found.length === 0 ? 'none' : found.join('; ');
        }, 2000));
        """;

    /// <summary>Bytes that stand for a JPEG; the browser need not decode them.</summary>
    private const string Pixel = "/9j/4AAQ";

    private readonly RunFolder _run = new();
    private readonly RunFolder _other = new("other");
    private FixedSweeps? _sweeps;

    [Theory]
    [InlineData("--window-size=1400,2000", "--blink-settings=preferredColorScheme=1")]
    [InlineData("--window-size=390,800", "--blink-settings=preferredColorScheme=0")]
    public async Task The_page_draws_its_curves_and_tables_and_breaks_no_rule_of_accessibility(params string[] options)
    {
        _run.Append(1, 500);
        _other.Append(1, 300);
        _other.Log("WRN", "Alert: step 7: <b>bold</b> <script>document.body.dataset.broken = 1</script>");

        var page = await DumpAsync(options);

        Assert.Contains("data-axe=\"none\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("data-broken", page, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;bold&lt;/b&gt;", page, StringComparison.Ordinal);
        // Loss and step time have values in these runs; each is drawn on a canvas of its own.
        Assert.Contains(
            "aria-label=\"loss. other: from 10 to 0.033333, between 0.033333 and 10; run: from 10 to 0.02, between 0.02 and 10\"",
            page,
            StringComparison.Ordinal
        );
        Assert.NotEmpty(Canvas().Matches(page));
        Assert.Contains("500 / 100", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--window-size=1400,2000")]
    [InlineData("--window-size=390,800")]
    public async Task The_probe_batch_is_a_picture_with_the_nearest_captions_of_each_image(string size)
    {
        _run.Append(1, 20);
        _other.Append(1, 20);
        string[] captions = ["a cat", "<script>document.body.dataset.broken = 1</script>"];
        foreach (var folder in new[] { _run, _other })
        {
            ProbeFile.Add(
                folder.Directory,
                captions,
                [Pixel, Pixel + "AA=="],
                new ProbeStep(
                    0,
                    [
                        [0.5, 0.5],
                        [0.5, 0.5],
                    ]
                )
            );
            ProbeFile.Add(
                folder.Directory,
                captions,
                [Pixel, Pixel + "AA=="],
                new ProbeStep(
                    20,
                    [
                        [0.9, 0.1],
                        [0.2, 0.8],
                    ]
                )
            );
        }

        var page = await DumpAsync(size);

        Assert.Contains("data-axe=\"none\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("data-broken", page, StringComparison.Ordinal);
        Assert.Contains("2 of 2 images are nearest to their own caption", page, StringComparison.Ordinal);
        Assert.Contains("aria-label=\"Similarity of 2 images with 2 captions.", page, StringComparison.Ordinal);
        Assert.Contains("<b>&lt;script&gt;document.body.dataset.broken = 1&lt;/script&gt; ✓</b>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--window-size=1400,2000", "--blink-settings=preferredColorScheme=1")]
    [InlineData("--window-size=390,800", "--blink-settings=preferredColorScheme=0")]
    public async Task A_sweep_is_a_chart_in_words_and_a_table_of_its_trials(params string[] options)
    {
        _run.Append(1, 20);
        _other.Append(1, 20);
        _sweeps = new FixedSweeps([FixedSweeps.Demo with { Name = "<b>demo</b>" }]);

        var page = await DumpAsync(options);

        Assert.Contains("data-axe=\"none\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("data-broken", page, StringComparison.Ordinal);
        Assert.Contains(
            "aria-label=\"Chart of the sweep &lt;b&gt;demo&lt;/b&gt;. 6 trials: 4 done, 1 running, 1 failed. loss by training FLOPs; the line is "
                + "the law power, from 4 to 1, with its 95% interval. 1 of 1 predictions held in their 90% interval.\"",
            page,
            StringComparison.Ordinal
        );
        Assert.Contains("&lt;script&gt;document.body.dataset.broken = 1&lt;/script&gt;", page, StringComparison.Ordinal);
        Assert.Contains("trials</span>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_group_of_a_sweep_has_its_own_colour_and_law()
    {
        _run.Append(1, 20);
        _other.Append(1, 20);
        _sweeps = new FixedSweeps([FixedSweeps.Grouped]);

        var page = await DumpAsync();

        Assert.Contains("data-axe=\"none\"", page, StringComparison.Ordinal);
        Assert.Contains(
            "each line is the law of a group, with its 95% interval: contrastive: power, from 3 to 0.6; sigmoid: power_floor, from 4 to 0.8. "
                + "captioning: power is not fitted: 1 point.",
            page,
            StringComparison.Ordinal
        );
        string[] legend =
        [
            "law power, contrastive",
            "trials, contrastive",
            "law power_floor, sigmoid",
            "trials, sigmoid",
            "trials, captioning",
        ];
        Assert.All(legend, entry => Assert.Contains($"</span>{entry}</span>", page, StringComparison.Ordinal));
        Assert.DoesNotContain("law power, captioning", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_without_a_step_is_an_empty_page_and_not_a_broken_one()
    {
        _other.Append(1, 1);
        var page = await DumpAsync();
        Assert.Contains("data-axe=\"none\"", page, StringComparison.Ordinal);
        Assert.Contains(">run<", page, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _run.Dispose();
        _other.Dispose();
    }

    private async Task<string> DumpAsync(params string[] options)
    {
        var path = Path.Combine(_run.Directory, "report.html");
        await RunReportPage.WriteAsync(path, [_run.Directory, _other.Directory], TimeProvider.System, _sweeps);
        var axe = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "axe.min.js"));
        await File.WriteAllTextAsync(
            path,
            (await File.ReadAllTextAsync(path)).Replace(
                "</body>",
                $"<script>{axe}</script><script>{RunAxe}</script></body>",
                StringComparison.Ordinal
            )
        );
        return (await Chromium.OpenAsync(path, options)).Document;
    }

    [GeneratedRegex("<canvas ", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Canvas();
}
