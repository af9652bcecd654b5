using System.Security.Cryptography;
using System.Text.Json;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>A law's prediction for a held-out trial.</summary>
/// <param name="Low">Lower bound of the 90% interval of a single trial.</param>
/// <param name="High">Upper bound.</param>
public sealed record TrialPrediction(string Trial, string Law, double Compute, double Value, double Low, double High);

/// <summary>The predictions of a sweep, stored in predictions.json.</summary>
/// <param name="Made">Time of the predictions.</param>
/// <param name="Results">SHA-256 of the results that they are based on.</param>
/// <param name="Hash">SHA-256 of the time, the hash of the results and the predictions. A copy elsewhere proves that nothing was changed
/// later.</param>
public sealed record SweepPredictions(DateTimeOffset Made, string Results, IReadOnlyList<TrialPrediction> Predictions, string Hash)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>Reads the first prediction of each trial of a sweep.</summary>
    /// <exception cref="ExperimentException">A file of predictions was changed or is damaged.</exception>
    public static IReadOnlyDictionary<string, (TrialPrediction Said, SweepPredictions In)> ReadAll(SweepFolder folder)
    {
        var said = new Dictionary<string, (TrialPrediction, SweepPredictions)>(StringComparer.Ordinal);
        foreach (var made in folder.PredictionFiles().Select(Read).OrderBy(made => made.Made))
        {
            foreach (var prediction in made.Predictions)
            {
                said.TryAdd(prediction.Trial, (prediction, made));
            }
        }

        return said;
    }

    private static SweepPredictions Read(string file)
    {
        try
        {
            var read = JsonSerializer.Deserialize<SweepPredictions>(File.ReadAllText(file), Json);
            return read is not null && read.Hash == HashOf(read.Made, read.Results, read.Predictions)
                ? read
                : throw new JsonException("its hash does not match its predictions");
        }
        catch (JsonException e)
        {
            throw new ExperimentException($"{file} was changed after it was written: {e.Message}.");
        }
    }

    /// <summary>Fits the sweep's law to the trials that are not held out, and writes predictions for others.</summary>
    /// <param name="sweep">The sweep.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="trials">All its trials.</param>
    /// <param name="wanted">The trials to predict.</param>
    /// <param name="time">Clock for the time of the predictions.</param>
    /// <exception cref="ExperimentException">The results cannot determine the law.</exception>
    public static SweepPredictions Make(
        Sweep sweep,
        SweepFolder folder,
        IReadOnlyList<Trial> trials,
        IReadOnlyList<Trial> wanted,
        TimeProvider time
    )
    {
        SweepResults.Write(sweep, folder, trials);
        var observations = SweepResults.Observations(sweep, folder, trials, isHeldOut: false);
        var sample = Sample.Of(observations);
        if (sample.Count == 0 || Laws.Refuse(sweep.Predict!.Law, sample) is not null)
        {
            throw new ExperimentException(
                $"{sweep.Path}: {sweep.Predict!.Law} cannot predict: "
                    + $"{(sample.Count == 0 ? "no trial has a result" : Laws.Refuse(sweep.Predict.Law, sample))}. Name another law "
                    + "under predict, or add trials."
            );
        }

        var fit =
            LawFitter.FitOne(sweep.Predict.Law, "", sample, LawFitter.DefaultDraws)
            ?? throw new ExperimentException($"{sweep.Path}: no start of the search converges for {sweep.Predict.Law}.");
        List<TrialPrediction> predictions =
        [
            .. from trial in wanted
            let compute = trial.Resolved.Flops!.Value
            let said = fit.Law is "parametric" or "repeated"
                ? Prediction.At(fit, trial.Resolved.Parameters, trial.Resolved.Samples!.Value)
                : Prediction.At(fit, compute)
            select new TrialPrediction(trial.Id, fit.Law, compute, said.Value, said.Trial?.Low ?? 0, said.Trial?.High ?? double.MaxValue),
        ];
        var (made, results) = (time.GetUtcNow(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(folder.Results))));
        var written = new SweepPredictions(made, results, predictions, HashOf(made, results, predictions));
        WholeFile.Write(folder.NextPredictions(), JsonSerializer.Serialize(written, Json) + "\n");
        return written;
    }

    private static string HashOf(DateTimeOffset made, string results, IReadOnlyList<TrialPrediction> predictions) =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                JsonSerializer.SerializeToUtf8Bytes(
                    new
                    {
                        made,
                        results,
                        predictions,
                    }
                )
            )
        );
}
