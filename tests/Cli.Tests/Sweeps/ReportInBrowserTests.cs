using System.Text.RegularExpressions;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

/// <summary>The reports of a sweep and of a fit in a browser, on a desktop and on a phone, light and dark.</summary>
public sealed partial class ReportInBrowserTests : IDisposable
{
    private const int Desktop = 1400,
        Phone = 390,
        Dark = 0,
        Light = 1;

    /// <summary>
    /// Tells the page around this one what is wrong with it, and how many charts, axes, marks and rows it has: text that leaves its chart
    /// or covers other text of it, a page wider than the window, and what axe finds.
    /// </summary>
    private const string Examine = """
        addEventListener('load', () => setTimeout(async () => {
          const wrong = (await axe.run()).violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200)).join(' '));
          if (document.documentElement.scrollWidth > innerWidth) {
            const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth
              && !e.closest('.card > *')).map(e => e.tagName + ' ' + e.className);
            wrong.push('wider than the window of ' + innerWidth + ': ' + document.documentElement.scrollWidth + ' ' + wide.join(', '));
          }
          const charts = [...document.querySelectorAll('svg')];
          for (const chart of charts) {
            const frame = chart.getBoundingClientRect();
            const texts = [...chart.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
            for (const [text, box] of texts) {
              if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
                wrong.push('clipped: ' + text);
              }
              if (box.height < 7) {
                wrong.push('too small: ' + text);
              }
              for (const [other, its] of texts) {
                if (other < text && Math.min(box.right, its.right) - Math.max(box.left, its.left) > 1
                    && Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top) > 3) {
                  wrong.push('overlapping: ' + text + ' and ' + other);
                }
              }
            }
          }
          const count = selector => document.querySelectorAll(selector).length;
          parent.postMessage({ wrong: wrong.join('; ') || 'nothing', charts: charts.length, axes: count('svg path.axis'),
            marks: count('svg path.mark, svg path.open'), rows: count('tbody tr') }, '*');
        }, 1000));
        """;

    /// <summary>A phone is narrower than any window, so the page is in a frame; the document keeps what the frame tells.</summary>
    private const string Frame = """
        <!DOCTYPE html><html><body style="margin: 0"><script>
        addEventListener('message', told => Object.assign(document.body.dataset, told.data));
        </script><iframe src="report.html" style="width: WIDTHpx; height: 3000px; border: 0"></iframe></body></html>
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_sweeps_report_shows_its_charts_predictions_and_trials()
    {
        var opened = OpenSweep();
        SweepReport.Write(opened);

        var found = await ExamineAsync(Path.Combine(opened.Folder.Path, "report.html"));

        // All results and the frontier of both groups, with a mark for each of their 30 trials.
        Assert.InRange(int.Parse(found["charts"]), 3, 10);
        Assert.True(int.Parse(found["axes"]) >= int.Parse(found["charts"]));
        Assert.True(int.Parse(found["marks"]) >= 2 * 15);
        // Trials, two predictions, the efficiency of two choices, and parameters.
        Assert.True(int.Parse(found["rows"]) > 30 + 2 + 2);
    }

    [Fact]
    public async Task The_report_of_a_fit_shows_every_kind_of_chart()
    {
        var path = _folder.File("report.html");
        var rows = Grid();
        ScalingReport.Write(path, new ReportTitle("results.csv", "compute", "error"), rows, LawFitter.Fit(rows, laws: null, draws: 20));

        var found = await ExamineAsync(path);

        // All results, the frontier, fitted against measured, and curves of equal compute.
        Assert.Equal("4", found["charts"]);
        Assert.True(int.Parse(found["marks"]) >= 4 * 25);
    }

    /// <summary>Results of 5 amounts of compute and 5 model sizes, which have 25 numbers of samples.</summary>
    private static List<Observation> Grid() =>
        [
            .. from compute in new[] { 1e12, 1e13, 1e14, 1e15, 1e16 }.Index()
            from size in Enumerable.Range(-2, 5)
            let parameters = 3e4 * Math.Pow(10, compute.Index / 2.0) * Math.Pow(2, size)
            let samples = compute.Item / parameters / 6
            let noise = 1 + (0.01 * Math.Sin((7 * compute.Index) + (3 * size)))
            select new Observation(compute.Item, noise * (0.1 + (40 * Math.Pow(parameters, -0.35)) + (60 * Math.Pow(samples, -0.4))))
            {
                Params = parameters,
                Data = samples,
            },
        ];

    /// <summary>A sweep whose 30 trials have results, two of them predicted before.</summary>
    private OpenedSweep OpenSweep()
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: heads
            folder: {{_folder.File("sweep")}}
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            axes:
              - name: projection
                labels: [narrow, wide]
                model.embed_dim: [64, 192]
            seeds: [1, 2, 3]
            budget: { samples: [4096, 16384, 65536, 262144, 1048576] }
            metric: heldout-vendor.image_to_text.r10
            predict: { law: power, trials: [{ budget: 1048576, seed: 3 }] }
            efficiency: { axis: projection, reference: narrow, by: compute }
            """
        );
        var opened = OpenedSweep.Open(file);
        foreach (var trial in opened.Trials.Where(trial => !trial.IsHeldOut))
        {
            Done(opened, trial);
        }

        var heldOut = opened.Trials.Where(trial => trial.IsHeldOut).ToList();
        SweepPredictions.Make(opened.Sweep, opened.Folder, opened.Trials, heldOut, TimeProvider.System);
        heldOut.ForEach(trial => Done(opened, trial));
        return opened;
    }

    private static void Done(OpenedSweep opened, Trial trial)
    {
        var labels = trial.Labels.ToDictionary(StringComparer.Ordinal);
        var noise = 0.01 * Math.Sin(trial.Resolved.Samples!.Value + int.Parse(labels["seed"]));
        var wide = labels["projection"] == "wide" ? 1.5 : 1;
        opened.Folder.Write(
            new TrialRecord
            {
                Id = trial.Id,
                State = TrialState.Done,
                CoreSeconds = 60,
                Figures = new Dictionary<string, double>(StringComparer.Ordinal)
                {
                    [opened.Sweep.Metric] = 1 + noise - Math.Pow(wide * trial.Resolved.Samples.Value / 3000, -0.15),
                },
            }
        );
    }

    /// <summary>What <see cref="Examine"/> counts in a page, in which neither it nor the console finds anything wrong.</summary>
    private async Task<Dictionary<string, string>> ExamineAsync(string report)
    {
        var folder = Directory.CreateDirectory(_folder.File("browsed")).FullName;
        var axe = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "axe.min.js"));
        var page = await File.ReadAllTextAsync(report);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "report.html"),
            page.Replace("</body>", $"<script>{axe}</script><script>{Examine}</script></body>", StringComparison.Ordinal)
        );
        Dictionary<string, string> found = [];
        foreach (var (width, scheme) in new[] { (Desktop, Light), (Desktop, Dark), (Phone, Light), (Phone, Dark) })
        {
            var frame = Path.Combine(folder, "frame.html");
            await File.WriteAllTextAsync(frame, Frame.Replace("WIDTH", $"{width}", StringComparison.Ordinal));
            var (document, console) = await Chromium.OpenAsync(
                frame,
                $"--window-size={Desktop},3000",
                $"--blink-settings=preferredColorScheme={scheme}"
            );
            Assert.Empty(console);
            found = Told()
                .Matches(document[..document.IndexOf("<iframe", StringComparison.Ordinal)])
                .ToDictionary(told => told.Groups["name"].Value, told => told.Groups["value"].Value, StringComparer.Ordinal);
            Assert.True(found["wrong"] == "nothing", $"{width} pixels, colour scheme {scheme}: {found["wrong"]}");
        }

        return found;
    }

    [GeneratedRegex("data-(?<name>\\w+)=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Told();
}
