using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Monitoring.Page;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A sweep on disk for the live page. Its laws, one for each group, are fitted again when a trial ends.</summary>
internal sealed class WatchedSweep(string directory)
{
    /// <summary>Draws of a law's interval: fewer than a report takes, because a page waits for them.</summary>
    private const int Draws = 200;

    private const int CurvePoints = 60;

    /// <summary>Factor by which a law is drawn beyond the trials.</summary>
    private const double Beyond = 2;

    /// <summary>Laws of which a group's better one by AIC is drawn if the sweep names none.</summary>
    private static readonly string[] s_laws = ["power", "power_floor"];

    private readonly SweepFolder _folder = new(directory);
    private OpenedSweep? _opened;
    private (string Records, SweepView View)? _last;
    private (IReadOnlyList<Observation> Of, IReadOnlyList<SweepLaw> Laws, string? Note)? _fit;

    /// <summary>The sweep as it is now; the same object while nothing changes.</summary>
    public SweepView View()
    {
        try
        {
            _opened ??= OpenedSweep.OfFolder(directory);
            var isRunning = new Lazy<bool>(() => RunLock.IsHeld(_folder.Lock));
            TrialRecord[] records = [.. _opened.Trials.Select(trial => _folder.Read(trial.Id))];
            string[] states = [.. records.Select(record => record.State == TrialState.Begun ? Begun(isRunning) : Name(record.State))];
            var key = string.Join('\n', [.. states, .. _folder.PredictionFiles()]);
            if (_last?.Records != key)
            {
                _last = (key, Of(_opened, records, states));
            }

            return _last.Value.View;
        }
        catch (Exception error) when (error is ExperimentException or IOException or UnauthorizedAccessException)
        {
            var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(directory));
            if (_last?.Records != error.Message)
            {
                _last = (error.Message, new SweepView(name, "", "", [], [], error.Message));
            }

            return _last.Value.View;
        }
    }

    private SweepView Of(OpenedSweep opened, TrialRecord[] records, string[] states)
    {
        var sweep = opened.Sweep;
        var said = SweepPredictions.ReadAll(_folder);
        var (laws, note) = Fit(sweep, SweepResults.Observations(sweep, _folder, opened.Trials, isHeldOut: false), opened.Trials);
        string[] notes = [.. SweepResults.LeftOut(sweep, _folder, opened.Trials), .. note is null ? Array.Empty<string>() : [note]];
        return new SweepView(
            sweep.Name,
            "training FLOPs",
            sweep.ErrorName,
            [
                .. opened.Trials.Select(
                    (trial, i) =>
                        new SweepTrial(
                            trial.Id,
                            states[i],
                            trial.Describe(),
                            trial.Resolved.Flops,
                            SweepResults.Error(sweep, records[i]),
                            said.TryGetValue(trial.Id, out var told)
                                ? new SweepBand(told.Said.Compute, told.Said.Value, told.Said.Low, told.Said.High)
                                : null,
                            records[i].Reason
                        )
                        {
                            Group = SweepResults.GroupOf(sweep, trial),
                        }
                ),
            ],
            laws,
            notes.Length == 0 ? null : string.Join(' ', notes)
        );
    }

    private (IReadOnlyList<SweepLaw> Laws, string? Note) Fit(
        Sweep sweep,
        IReadOnlyList<Observation> observations,
        IReadOnlyList<Trial> trials
    )
    {
        if (_fit is not { } fit || !fit.Of.SequenceEqual(observations))
        {
            var (laws, note) = Fitted(sweep, observations, trials);
            _fit = fit = (observations, laws, note);
        }

        return (fit.Laws, fit.Note);
    }

    private static (IReadOnlyList<SweepLaw> Laws, string? Note) Fitted(
        Sweep sweep,
        IReadOnlyList<Observation> observations,
        IReadOnlyList<Trial> trials
    )
    {
        if (observations.Count == 0)
        {
            return ([], "No trial has a result yet.");
        }

        (SweepLaw? Law, string? Note)[] groups =
        [
            .. from rows in observations.GroupBy(row => row.Group, StringComparer.Ordinal)
            let costs = trials.Where(trial => SweepResults.GroupOf(sweep, trial) == rows.Key).Select(trial => trial.Resolved.Flops)
            select OfGroup(sweep, [.. rows], [.. costs.OfType<double>()]),
        ];
        var notes = string.Join(' ', groups.Select(group => group.Note).OfType<string>());
        return ([.. groups.Select(group => group.Law).OfType<SweepLaw>()], notes.Length > 0 ? notes : null);
    }

    /// <summary>The law of a group. Too few trials to fit one are no error.</summary>
    private static (SweepLaw? Law, string? Note) OfGroup(Sweep sweep, IReadOnlyList<Observation> rows, double[] costs)
    {
        try
        {
            var laws = LawFitter.Fit(rows, sweep.Predict is { } predict ? [predict.Law] : s_laws, Draws).Laws;
            var best = laws.MinBy(law => law.Aic ?? double.PositiveInfinity)!;
            var (least, most) = (costs.Min(), Beyond * costs.Max());
            var curve =
                from i in Enumerable.Range(0, CurvePoints)
                let x = least * Math.Pow(most / least, i / (CurvePoints - 1.0))
                let at = Prediction.At(best, x)
                where at is not null
                select new SweepBand(x, at.Value, at.Law?.Low, at.Law?.High);
            SweepBand[] points = [.. curve];
            return points.Length > 0
                ? (new SweepLaw(best.Group, best.Law, points), null)
                : (null, $"{best.Law} is not a curve of FLOPs alone.");
        }
        catch (ExperimentException error)
        {
            return (null, error.Message.ReplaceLineEndings(" "));
        }
    }

    /// <summary>State of a trial without an end. A pool goes on with trials that no process of this sweep watches.</summary>
    private string Begun(Lazy<bool> isRunning) =>
        isRunning.Value ? "running"
        : File.Exists(_folder.Experiment) ? "not watched"
        : "interrupted";

    private static string Name(TrialState state) => state.ToString().ToLowerInvariant();
}
