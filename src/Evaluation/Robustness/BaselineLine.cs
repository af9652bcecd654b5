using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Csv;

namespace ClipTrain.Evaluation.Robustness;

/// <summary>A model's accuracies in distribution and on a shifted set, from 0 to 1.</summary>
public sealed record BaselineModel(string Name, double Reference, double Shifted);

/// <summary>
/// The line through baseline models on logits: logit(shifted) = slope · logit(reference) + intercept (Taori et al. 2020; Radford
/// et al. 2021, section 3.3), by least squares.
/// </summary>
/// <param name="Slope">Slope in logit space (natural logarithm).</param>
/// <param name="Intercept">Intercept in logit space.</param>
/// <param name="Models">The fitted models; empty for a published line.</param>
public sealed record BaselineLine(double Slope, double Intercept, IReadOnlyList<BaselineModel> Models)
{
    private const int LeastModels = 3;

    /// <summary>Fits the line. Models with an accuracy of 0 or 1 have no logit and are ignored.</summary>
    /// <exception cref="CorpusException">There are fewer than three models, or they do not differ.</exception>
    public static BaselineLine Fit(IReadOnlyList<BaselineModel> models, string source)
    {
        var used = models.Where(model => HasLogit(model.Reference) && HasLogit(model.Shifted)).ToList();
        if (used.Count < LeastModels)
        {
            throw new CorpusException(
                $"{source} has {used.Count} models with accuracies between 0 and 1; a baseline line needs {LeastModels}."
            );
        }

        double meanX = used.Average(model => Logit(model.Reference)),
            meanY = used.Average(model => Logit(model.Shifted));
        var (covariance, variance) = (
            used.Sum(model => (Logit(model.Reference) - meanX) * (Logit(model.Shifted) - meanY)),
            used.Sum(model => Square(Logit(model.Reference) - meanX))
        );
        if (variance <= 0)
        {
            throw new CorpusException($"{source}: all models have the same accuracy in distribution; a line needs different ones.");
        }

        var slope = covariance / variance;
        return new BaselineLine(slope, meanY - (slope * meanX), used);
    }

    /// <summary>Reads a CSV file with columns model, reference and shifted.</summary>
    /// <exception cref="CorpusException">A column is missing, or a value is not a fraction.</exception>
    public static IReadOnlyList<BaselineModel> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new CorpusException(
                $"{path} does not exist; robustness.baselines names a CSV file with columns model, reference and shifted."
            );
        }

        using var records = new CsvRecords(File.OpenRead(path), ',', quotes: true, path);
        var header = records.Next() ?? throw new CorpusException($"{path} is empty; its first line must be model,reference,shifted.");
        int Column(string name) =>
            Array.IndexOf(header, name) is var at && at >= 0
                ? at
                : throw new CorpusException(
                    $"{path} has no column '{name}'; its columns: {string.Join(", ", header)}. A table of baselines has model, reference "
                        + "and shifted."
                );
        var (name, reference, shifted) = (Column("model"), Column("reference"), Column("shifted"));
        var models = new List<BaselineModel>();
        while (records.Next() is { } fields)
        {
            models.Add(new BaselineModel(fields[name], Share(fields[reference]), Share(fields[shifted])));
        }

        return models;

        double Share(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 1
                ? value
                : throw new CorpusException($"{path}:{records.Line}: '{text}' is not a fraction from 0 to 1; write 76.2% as 0.762.");
    }

    /// <summary>The accuracy on the shifted set that the line predicts from the accuracy in distribution.</summary>
    public double Expected(double reference) => 1 / (1 + Math.Exp(-((Slope * Logit(reference)) + Intercept)));

    /// <summary>Effective robustness: the distance of a model above the line. NaN for an accuracy of 0 or 1.</summary>
    public double Effective(double reference, double shifted) => HasLogit(reference) ? shifted - Expected(reference) : double.NaN;

    private static bool HasLogit(double share) => share is > 0 and < 1;

    private static double Logit(double share) => Math.Log(share / (1 - share));

    private static double Square(double value) => value * value;
}
