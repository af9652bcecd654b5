using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Output of a sweep: results.csv, the laws fitted to it, and the report.</summary>
internal static class SweepReport
{
    /// <summary>The figure of a trial's energy, where the system tells it.</summary>
    private const string Joules = "joules";

    public static void Write(OpenedSweep opened)
    {
        var (sweep, folder, trials) = (opened.Sweep, opened.Folder, opened.Trials);
        SweepResults.Write(sweep, folder, trials);
        IReadOnlyList<Observation> observations =
        [
            .. SweepResults.Observations(sweep, folder, trials, isHeldOut: false),
            .. SweepResults.Observations(sweep, folder, trials, isHeldOut: true),
        ];
        Console.WriteLine($"Results: {folder.Results}.");
        var leftOut = SweepResults.LeftOut(sweep, folder, trials);
        if (observations.Count == 0 && leftOut.Count == 0)
        {
            return;
        }

        var title = new ReportTitle(sweep.Name, "training FLOPs", sweep.ErrorName);
        var fitted = Fit(observations);
        var result = fitted with { Warnings = [.. leftOut, .. fitted.Warnings] };
        ReportTable[] tables = [.. PredictionTable.Of(opened), .. EfficiencyTable.Of(opened), Results(opened)];
        if (result.Laws.Count > 0)
        {
            LawOutput.Finish(folder.Path, title, observations, result, tables);
        }
        else
        {
            ScalingReport.Write(Path.Combine(folder.Path, "report.html"), title, observations, result, tables);
            LawOutput.PrintWarnings(result);
        }
    }

    /// <summary>Too few trials to fit a law are not an error.</summary>
    private static FitResult Fit(IReadOnlyList<Observation> observations)
    {
        try
        {
            return observations.Count == 0 ? new FitResult([], []) : LawFitter.Fit(observations, laws: null);
        }
        catch (ExperimentException e)
        {
            return new FitResult([], e.Message.Split('\n'));
        }
    }

    private static ReportTable Results(OpenedSweep opened)
    {
        string[] energy = opened.Trials.Any(trial => opened.Folder.Read(trial.Id).Figures.ContainsKey(Joules)) ? [Joules] : [];
        var device = TrialDevices.Noun(opened.OnGpus);
        return new(
            "Trials",
            $"{opened.Trials.Count(trial => opened.Folder.Read(trial.Id).IsSettled)} of {opened.Trials.Count} have ended; they took "
                + $"{Readable.Number(opened.Trials.Sum(trial => opened.Folder.Read(trial.Id).CoreSeconds) / 3600)} {device} hours",
            ["trial", "state", "choices", "parameters", "samples", "FLOPs", "error", $"{device} seconds", .. energy],
            [
                .. from trial in opened.Trials
                let record = opened.Folder.Read(trial.Id)
                select (string[])
                    [
                        trial.Id,
                        record.State.ToString().ToLowerInvariant(),
                        trial.Describe(),
                        Readable.Count(trial.Resolved.Parameters),
                        trial.Resolved.Samples is { } samples ? Readable.Count(samples) : "",
                        trial.Resolved.Flops is { } flops ? Readable.Number(flops) : "",
                        SweepResults.Error(opened.Sweep, record) is { } error ? Readable.Number(error) : "",
                        Readable.Number(record.CoreSeconds),
                        .. energy.Select(name => record.Figures.TryGetValue(name, out var used) ? Readable.Number(used) : ""),
                    ],
            ]
        );
    }
}
