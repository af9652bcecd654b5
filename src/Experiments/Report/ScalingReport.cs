using System.Xml.Linq;
using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Report;

/// <summary>Subject of a report.</summary>
/// <param name="Source">Source of the results.</param>
/// <param name="X">Name of x.</param>
/// <param name="Y">Name of y.</param>
public sealed record ReportTitle(string Source, string X, string Y);

/// <summary>A table of a report.</summary>
public sealed record ReportTable(string Title, string Note, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);

/// <summary>Writes the report of a fit as one HTML file.</summary>
public static class ScalingReport
{
    private const int CurvePoints = 60;

    /// <summary>Factor by which laws are drawn beyond the data.</summary>
    private const double Beyond = 10;

    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(
        string path,
        ReportTitle title,
        IReadOnlyList<Observation> observations,
        FitResult result,
        params IReadOnlyList<ReportTable> tables
    )
    {
        var groups = observations.GroupBy(row => row.Group, StringComparer.Ordinal).ToList();
        var inGroups = groups.Count > 1 ? $" in {groups.Count} groups" : "";
        Page.Write(
            path,
            $"Scaling laws of {title.Y} by {title.X}",
            $"{title.Source} · {observations.Count} results{inGroups} · logarithmic axes; shaded: 95% intervals, dashed: beyond the data",
            [
                Page.List("What these results cannot tell", result.Warnings),
                .. groups.SelectMany(group => OfGroup(title, group.Key, [.. group], [.. result.Laws.Where(fit => fit.Group == group.Key)])),
                .. tables.Select(table => Page.Card(table.Title, table.Note, Page.Table(table.Columns, table.Rows))),
                result.Laws.Count == 0 ? null : Parameters(result.Laws),
            ]
        );
    }

    private static IEnumerable<XElement?> OfGroup(ReportTitle title, string group, List<Observation> rows, List<LawFit> fits)
    {
        var (of, marks) = (group.Length == 0 ? "" : $"{group}: ", new MarkStyle(rows));
        var curves = fits.Where(fit => fit.Law is "power" or "power_floor" or "bnsl" or "m4").OrderBy(fit => fit.Aic).ToList();
        var frontiers = fits.Where(fit => fit.Law.StartsWith("frontier", StringComparison.Ordinal)).ToList();
        yield return new XElement(
            "div",
            new XAttribute("class", "grid"),
            curves.Count == 0
                ? null
                : Page.Card(
                    $"{of}all results",
                    $"{curves[0].Law} fits best by AIC; its interval is shaded",
                    Draw(title, rows, marks, curves, shadedFirst: true)
                ),
            frontiers.Count == 0
                ? null
                : Page.Card(
                    $"{of}the compute frontier",
                    "the lowest error at each amount of compute; points on the frontiers are ringed",
                    Draw(title, rows, marks, frontiers, shadedFirst: false)
                ),
            fits.Find(fit => fit.Law == "parametric") is { } parametric ? Fitted(of, title, rows, marks, parametric) : null,
            fits.Exists(fit => fit.Law == "isoflop") ? IsoFlop(of, title, rows) : null
        );
        yield return Allocation(of, title, rows, fits);
    }

    private static XElement Draw(ReportTitle title, List<Observation> rows, MarkStyle style, List<LawFit> fits, bool shadedFirst)
    {
        var ringed = shadedFirst ? [] : fits.SelectMany(fit => fit.Selected).Select(point => (float)point.Y).ToHashSet();
        var (least, most) = (rows.Min(row => row.X), rows.Max(row => row.X));
        double[] places =
        [
            .. Enumerable.Range(0, CurvePoints).Select(i => least * Math.Pow(Beyond * most / least, i / (CurvePoints - 1.0))),
        ];
        var curves = fits.Select(
            (fit, i) =>
            {
                var predicted = places.Select(x => (X: x, Value: Prediction.At(fit, x)!)).ToList();
                return new Curve(
                    fit.Law,
                    Palette.OfLaw(fit.Law),
                    [.. predicted.Select(p => (p.X, p.Value.Value))],
                    i == 0 || !shadedFirst
                        ?
                        [
                            .. predicted
                                .Where(p => p.Value.Law is not null)
                                .Select(p => (p.X, p.Value.Law!.Value.Low, p.Value.Law.Value.High)),
                        ]
                        : [],
                    most
                );
            }
        );
        return LogLogChart.Draw(
            title.X,
            title.Y,
            [.. rows.Select(row => style.Of(row, row.X, row.Y, ringed.Contains((float)row.Y)))],
            [.. curves],
            style.Legend
        );
    }

    private static XElement Fitted(string of, ReportTitle title, List<Observation> rows, MarkStyle style, LawFit fit)
    {
        var marks = rows.Select(row => style.Of(row, Prediction.At(fit, row.Params!.Value, row.Data!.Value)!.Value, row.Y)).ToList();
        var (least, most) = (marks.Min(mark => Math.Min(mark.X, mark.Y)), marks.Max(mark => Math.Max(mark.X, mark.Y)));
        return Page.Card(
            $"{of}fitted against measured",
            "the parametric law of model size and samples; on the line both agree",
            LogLogChart.Draw(
                $"{title.Y} by E + A/N^alpha + B/D^beta",
                $"{title.Y} measured",
                marks,
                [new Curve("equal", "#888888", [(least, least), (most, most)], [], most)],
                style.Legend
            )
        );
    }

    private static XElement IsoFlop(string of, ReportTitle title, List<Observation> rows)
    {
        var sample = Sample.Of(rows);
        var law = new IsoFlopLaw(sample);
        var selected = law.Select(sample);
        var at = law.Fit(selected, start: null)!;
        var (marks, curves) = (new List<Mark>(), new List<Curve>());
        foreach (var (budget, logX) in law.Budgets.Index())
        {
            var color = Palette.OfSize(law.Budgets.Count == 1 ? 0 : (double)budget / (law.Budgets.Count - 1));
            var members = Enumerable.Range(0, selected.Count).Where(row => Math.Abs(selected.LogX[row] - logX) < 0.15).ToList();
            marks.AddRange(
                members.Select(row => new Mark(
                    Math.Exp(selected.LogParams![row]),
                    Math.Exp(selected.LogY[row]),
                    color,
                    0,
                    Figure.Short(Math.Exp(selected.LogX[row]))
                ))
            );
            var (least, most) = (members.Min(row => selected.LogParams![row]), members.Max(row => selected.LogParams![row]));
            curves.Add(
                new Curve(
                    Figure.Short(Math.Exp(logX)),
                    color,
                    [
                        .. Enumerable
                            .Range(0, 30)
                            .Select(i => least + (i / 29.0 * (most - least)))
                            .Select(n => (Math.Exp(n), Math.Exp(law.LogAtModel(budget, n, at)))),
                    ],
                    [],
                    Math.Exp(most)
                )
            );
        }

        return Page.Card(
            $"{of}curves of equal {title.X}",
            "one parabola per budget; its minimum is the best model",
            LogLogChart.Draw("parameters", title.Y, marks, curves, [])
        );
    }

    private static XElement? Allocation(string of, ReportTitle title, List<Observation> rows, List<LawFit> fits)
    {
        var (least, most) = (Math.Floor(Math.Log10(rows.Min(row => row.X))), Math.Ceiling(Math.Log10(rows.Max(row => row.X))) + 1);
        var lines =
            from power in Enumerable.Range((int)least, (int)(most - least) + 1)
            let compute = Math.Pow(10, power)
            from fit in fits
            let best = Prediction.Allocation(fit, compute)
            where best is not null
            let error = Prediction.At(fit, compute)
            select new[]
            {
                Figure.Short(compute),
                fit.Law,
                WithInterval(best.Value.Params),
                WithInterval(best.Value.Data),
                error is null ? "" : WithInterval(new Estimate(error.Value, error.Law?.Low, error.Law?.High)),
            };
        var all = lines.ToList();
        return all.Count == 0
            ? null
            : Page.Card(
                $"{of}the best model and samples for a budget",
                "with 95% intervals",
                Page.Table([title.X, "law", "parameters", "samples", title.Y], all)
            );
    }

    private static XElement Parameters(IReadOnlyList<LawFit> fits) =>
        Page.Card(
            "Parameters",
            "with 95% intervals; AIC and BIC compare laws of the same points, lower is better; held out is the error on the "
                + "largest fifth after a fit to the rest",
            Page.Table(
                ["law", "group", "parameters", "AIC", "BIC", "held out", "points"],
                fits.Select(fit =>
                    new[]
                    {
                        fit.Law,
                        fit.Group,
                        string.Join(" · ", fit.Parameters.Select(parameter => $"{parameter.Key} {WithInterval(parameter.Value)}")),
                        Figure.Short(fit.Aic),
                        Figure.Short(fit.Bic),
                        fit.HeldoutError is { } error ? Figure.Percent(error) : "–",
                        $"{fit.Points}",
                    }
                )
            )
        );

    private static string WithInterval(Estimate estimate) =>
        estimate.Low is { } low && estimate.High is { } high
            ? $"{Figure.Short(estimate.Value)} ({Figure.Short(low)} to {Figure.Short(high)})"
            : Figure.Short(estimate.Value);
}
