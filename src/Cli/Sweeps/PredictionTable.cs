using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A sweep's predictions and what was measured.</summary>
internal static class PredictionTable
{
    /// <summary>The table; none if nothing has been predicted.</summary>
    public static IEnumerable<ReportTable> Of(OpenedSweep opened)
    {
        var said = SweepPredictions.ReadAll(opened.Folder);
        if (said.Count == 0)
        {
            yield break;
        }

        yield return new ReportTable(
            "Predicted before the run",
            "each prediction was recorded with its hash before its trial started",
            ["trial", "choices", "law", "predicted", "90% interval", "measured", "inside", "made", "hash"],
            [
                .. from trial in opened.Trials
                where said.ContainsKey(trial.Id)
                let prediction = said[trial.Id]
                let record = opened.Folder.Read(trial.Id)
                let error = SweepResults.Error(opened.Sweep, record)
                select (string[])
                    [
                        trial.Id,
                        trial.Describe(),
                        prediction.Said.Law,
                        Readable.Number(prediction.Said.Value),
                        $"{Readable.Number(prediction.Said.Low)} to {Readable.Number(prediction.Said.High)}",
                        error is { } value ? Readable.Number(value) : record.State.ToString().ToLowerInvariant(),
                        error is null ? ""
                        : error >= prediction.Said.Low && error <= prediction.Said.High ? "yes"
                        : $"no{Beyond(opened, trial, prediction)}",
                        $"{prediction.In.Made:u}",
                        prediction.In.Hash[..16],
                    ],
            ]
        );
    }

    /// <summary>How far a trial was beyond those that its prediction was based on; empty if it was not.</summary>
    private static string Beyond(OpenedSweep opened, Trial trial, (TrialPrediction Said, SweepPredictions In) prediction)
    {
        var basis = opened
            .Trials.Where(other =>
                !other.IsHeldOut
                && opened.Folder.Read(other.Id) is { State: TrialState.Done } record
                && !(record.Ended > prediction.In.Made)
            )
            .ToList();
        (string Of, Func<Trial, double?> Get)[] quantities = prediction.Said.Law is "parametric" or "repeated"
            ? [("parameters", other => other.Resolved.Parameters), ("samples", other => other.Resolved.Samples)]
            : [("FLOPs", other => other.Resolved.Flops)];
        string[] beyond =
        [
            .. from quantity in quantities
            let times = quantity.Get(trial) / basis.Max(quantity.Get)
            where times > 1
            select $"{Readable.Number(times.Value)} times the {quantity.Of}",
        ];
        return beyond.Length == 0 ? "" : $"; it has {string.Join(" and ", beyond)} of any trial that the law was fitted to";
    }
}
